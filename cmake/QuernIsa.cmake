# The instruction sets: each kernel source is built once per row, in the namespace quern::kernels::<row>.
# A row names its compiler flags; users know it by the same name, with - for _. The program picks a row at run time
# (kernels/dispatch.cpp), never the compiler.
set(quern_isa_rows scalar)
set(quern_isa_flags_scalar "")
set(quern_isa_optimize_scalar -O2)  # GCC 12 takes minutes to unroll arrays of lanes at -O3
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND quern_isa_rows avx2 avxvnni avx512 avx512vnni)
  set(quern_isa_flags_avx2 -mavx2 -mfma -mf16c)
  set(quern_isa_flags_avxvnni ${quern_isa_flags_avx2} -mavxvnni)
  set(quern_isa_header_avxvnni avx2)
  set(quern_isa_flags_avx512 ${quern_isa_flags_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq
      -mprefer-vector-width=512)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # GCC 12 warns inside its own header
    list(APPEND quern_isa_flags_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
  set(quern_isa_flags_avx512vnni ${quern_isa_flags_avx512} -mavx512vnni)
  set(quern_isa_header_avx512vnni avx512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND quern_isa_rows neon neon_dotprod neon_i8mm)
  set(quern_isa_flags_neon "")
  set(quern_isa_optimize_neon -O2)  # at -O3 GCC 12 fails inside itself on the products of rows
  set(quern_isa_optimize_neon_dotprod -O2)
  set(quern_isa_flags_neon_dotprod -march=armv8.2-a+dotprod)
  set(quern_isa_header_neon_dotprod neon)
  set(quern_isa_optimize_neon_i8mm -O2)
  set(quern_isa_flags_neon_i8mm -march=armv8.2-a+dotprod+i8mm)
  set(quern_isa_header_neon_i8mm neon)
endif()
# No kernel looks at errno or floating-point traps, so a square root may be one instruction; none can throw.
set(quern_isa_common_flags -fno-math-errno -fno-trapping-math -fno-exceptions)

function(quern_add_kernels out_objects)
  file(GLOB kernel_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*.cpp)
  # dispatch.cpp asks the CPU what it can do, so it is built plainly.
  set(plain_sources ${kernel_sources})
  list(FILTER plain_sources INCLUDE REGEX "/(dispatch|cpu)[^/]*\\.cpp$")
  list(FILTER kernel_sources EXCLUDE REGEX "/(dispatch|cpu)[^/]*\\.cpp$")
  set(objects)
  foreach(row IN LISTS quern_isa_rows)
    if(kernel_sources)
      add_library(quern_kernels_${row} OBJECT ${kernel_sources})
      string(REPLACE "_" "-" name ${row})
      # Several rows may share a header, which then asks the compiler for the one feature that differs.
      set(header ${row})
      if(quern_isa_header_${row})
        set(header ${quern_isa_header_${row}})
      endif()
      set(optimize -O3)
      if(quern_isa_optimize_${row})
        set(optimize ${quern_isa_optimize_${row}})
      endif()
      target_compile_definitions(quern_kernels_${row} PRIVATE QUERN_ISA=${row} QUERN_ISA_NAME="${name}"
                                 QUERN_ISA_HEADER="kernels/simd/${header}.h")
      target_compile_options(quern_kernels_${row} PRIVATE ${quern_isa_flags_${row}} ${quern_isa_common_flags}
                             $<$<CONFIG:Release>:${optimize}>)
      list(APPEND objects $<TARGET_OBJECTS:quern_kernels_${row}>)
    endif()
  endforeach()
  if(plain_sources)
    add_library(quern_kernels_plain OBJECT ${plain_sources})
    list(APPEND objects $<TARGET_OBJECTS:quern_kernels_plain>)
  endif()
  foreach(target IN ITEMS ${quern_isa_rows} plain)
    if(TARGET quern_kernels_${target})
      set_target_properties(quern_kernels_${target} PROPERTIES POSITION_INDEPENDENT_CODE ON
                            CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
      target_include_directories(quern_kernels_${target} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
      target_link_libraries(quern_kernels_${target} PRIVATE quern_flags)
    endif()
  endforeach()
  set(${out_objects} ${objects} PARENT_SCOPE)
endfunction()
