# Builds GMP from POPCORN_GMP_SOURCE, an archive or a source tree, and sets GMP_INCLUDE_DIR, GMP_LIBRARY and, but for
# macOS, GMP_RUNTIME. It is built for the processor at hand; one that is newer than that GMP is taken for an old one,
# and POPCORN_GMP_BUILD names what it can pass for. For another system it is built for all its processors: on x86-64
# GMP chooses among its routines when it is loaded.
include(ExternalProject)
include(ProcessorCount)
if(POLICY CMP0135)
  cmake_policy(SET CMP0135 NEW)
endif()
find_program(MAKE_PROGRAM NAMES gmake make)
find_program(M4_PROGRAM NAMES m4 gm4)
if(NOT MAKE_PROGRAM OR NOT M4_PROGRAM)
  message(FATAL_ERROR "Building GMP needs make and m4: install both.")
endif()
get_filename_component(gmp_source "${POPCORN_GMP_SOURCE}" ABSOLUTE)
if(NOT EXISTS "${gmp_source}")
  message(FATAL_ERROR "POPCORN_GMP_SOURCE: there is no '${gmp_source}'.")
endif()

set(gmp_options --disable-static --enable-shared --enable-silent-rules CC=${CMAKE_C_COMPILER})
if(CMAKE_CROSSCOMPILING)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -dumpmachine OUTPUT_VARIABLE machine OUTPUT_STRIP_TRAILING_WHITESPACE)
  list(APPEND gmp_options --host=${machine})
  if(machine MATCHES "^x86_64")
    list(APPEND gmp_options --enable-fat)
  endif()
elseif(POPCORN_GMP_BUILD)
  list(APPEND gmp_options --build=${POPCORN_GMP_BUILD})
endif()

# The library alone: demos and documents need more tools. Debian's sources lack the documents, which configure wants.
set(gmp_folders "SUBDIRS=mpn mpz mpq mpf printf scanf rand")
ProcessorCount(processors)
set(gmp_prefix ${CMAKE_BINARY_DIR}/gmp)
set(GMP_INCLUDE_DIR ${gmp_prefix}/include)
if(WIN32)
  set(GMP_LIBRARY ${gmp_prefix}/lib/libgmp.dll.a)
  set(GMP_RUNTIME ${gmp_prefix}/bin/libgmp-10.dll)
elseif(APPLE)
  set(GMP_LIBRARY ${gmp_prefix}/lib/libgmp.dylib)
else()
  set(GMP_LIBRARY ${gmp_prefix}/lib/libgmp.so)
  set(GMP_RUNTIME ${gmp_prefix}/lib/libgmp.so.10)
endif()
file(MAKE_DIRECTORY ${GMP_INCLUDE_DIR})
ExternalProject_Add(gmp_from_source
  PREFIX ${gmp_prefix}
  URL ${gmp_source}
  PATCH_COMMAND ${CMAKE_COMMAND} -E make_directory doc
        COMMAND ${CMAKE_COMMAND} -E touch doc/Makefile.in
  CONFIGURE_COMMAND <SOURCE_DIR>/configure --prefix=<INSTALL_DIR> ${gmp_options}
  BUILD_COMMAND ${MAKE_PROGRAM} -j${processors} ${gmp_folders}
        COMMAND ${MAKE_PROGRAM} install ${gmp_folders}
  INSTALL_COMMAND ""
  INSTALL_DIR ${gmp_prefix}
  BUILD_BYPRODUCTS ${GMP_LIBRARY} ${GMP_RUNTIME}
  LOG_CONFIGURE ON LOG_BUILD ON)
