# Installed so that find_package(Quern) and pkg-config find it.
