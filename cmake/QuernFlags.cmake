# Flags of our own targets only; nothing here reaches a program that links Quern.
# -ffp-contract=off: a fused multiply-add is asked for by name, or results would differ between machines.
add_library(quern_plain_flags INTERFACE)
target_compile_options(quern_plain_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -ffp-contract=off)
if(QUERN_WERROR)
  # GCC 12 sees overlaps inside std::string and mismatches where a test replaces operator new; neither is there.
  target_compile_options(quern_plain_flags INTERFACE -Werror
    $<$<CXX_COMPILER_ID:GNU>:-Wno-error=restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-error=mismatched-new-delete>)
endif()

# The same and the sanitizers; those of the kernels that are written with vectors may be fewer.
function(quern_add_flags name sanitizers)
  add_library(${name} INTERFACE)
  target_link_libraries(${name} INTERFACE quern_plain_flags)
  if(sanitizers)
    target_compile_options(${name} INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer
                           -fno-sanitize-recover=all)
    target_link_options(${name} INTERFACE -fsanitize=${sanitizers})
  endif()
endfunction()
quern_add_flags(quern_flags "${QUERN_SANITIZE}")
if(QUERN_SANITIZE_VECTORS)
  quern_add_flags(quern_vector_flags "${QUERN_SANITIZE_VECTORS}")
else()
  quern_add_flags(quern_vector_flags "${QUERN_SANITIZE}")
endif()

# Compiles the sources of a target a few at a time, as most of the time goes to what they all include. So each may see
# the file-local names of the others.
function(quern_compile_together target n_sources)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${QUERN_UNITY} UNITY_BUILD_BATCH_SIZE ${n_sources})
endfunction()
