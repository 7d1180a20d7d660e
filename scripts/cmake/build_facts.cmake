# How the library is built, for `ascribe --version --verbose` and bug reports: fills in host/base/build_facts.c.in.
set(ascribe_commit unknown)
find_package(Git QUIET)
if(Git_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/.git)
    execute_process(COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
        OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE git_failed)
    if(NOT git_failed)
        set(ascribe_commit ${commit})
    endif()
    execute_process(COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} rev-parse --git-path logs/HEAD
        OUTPUT_VARIABLE head_log OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    cmake_path(ABSOLUTE_PATH head_log BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    if(EXISTS ${head_log}) # a new commit configures anew
        set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${head_log})
    endif()
endif()

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type_upper)
string(STRIP "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${build_type_upper}} -ffp-contract=off" ascribe_c_flags)
set(ascribe_c_flags_text "${ascribe_c_flags}; kernels/cpu: -O3")
foreach(text ascribe_commit ascribe_c_flags_text ascribe_hdf5_version ascribe_gemm_product ascribe_cuda_text)
    string(REPLACE "\\" "\\\\" ${text} "${${text}}")
    string(REPLACE "\"" "\\\"" ${text} "${${text}}")
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/host/base/build_facts.c.in ${PROJECT_BINARY_DIR}/host/base/build_facts.c @ONLY)
