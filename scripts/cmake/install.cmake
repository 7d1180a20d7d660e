# What `cmake --install` puts where: library, headers, program, manual page, completions, the scripts for Slurm, and the files by which other builds find
# the library (CMake package, pkg-config).
include(CMakePackageConfigHelpers)

# ---- Program and library ----
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_FULL_BINDIR} OUTPUT_VARIABLE library_from_program)
set_target_properties(asc_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${library_from_program}")
install(TARGETS asc_cli)
install(TARGETS ascribe EXPORT ascribe-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ascribe ${PROJECT_BINARY_DIR}/include/ascribe
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# ---- Scripts for Slurm ----
set(slurm ${PROJECT_SOURCE_DIR}/scripts/slurm)
install(PROGRAMS ${slurm}/submit DESTINATION ${CMAKE_INSTALL_DATADIR}/ascribe/slurm)
install(FILES ${slurm}/explain.sbatch ${slurm}/merge.sbatch ${slurm}/README.md DESTINATION ${CMAKE_INSTALL_DATADIR}/ascribe/slurm)

# ---- Manual page and completions: the program prints them ----
set(documents ${PROJECT_BINARY_DIR}/documents)
file(MAKE_DIRECTORY ${documents})
add_custom_command(OUTPUT ${documents}/ascribe.1 ${documents}/ascribe.bash ${documents}/ascribe.zsh DEPENDS asc_cli VERBATIM
    COMMENT "Printing the manual page and the completions"
    COMMAND asc_cli help --man > ${documents}/ascribe.1
    COMMAND asc_cli completion bash > ${documents}/ascribe.bash
    COMMAND asc_cli completion zsh > ${documents}/ascribe.zsh)
add_custom_target(ascribe_documents ALL DEPENDS ${documents}/ascribe.1)
install(FILES ${documents}/ascribe.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${documents}/ascribe.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ascribe)
install(FILES ${documents}/ascribe.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _ascribe)

# ---- find_package(ascribe) ----
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/ascribe)
install(EXPORT ascribe-targets NAMESPACE ascribe:: DESTINATION ${package_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/scripts/cmake/ascribe-config.cmake.in ${PROJECT_BINARY_DIR}/ascribe-config.cmake
    INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ascribe-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ascribe-config.cmake ${PROJECT_BINARY_DIR}/ascribe-config-version.cmake
    DESTINATION ${package_folder})

# ---- pkg-config: a static library needs its dependencies in the public fields, so that --static is not needed ----
set(ascribe_pc_requires "jansson, libcrypto, ${ascribe_hdf5_pc_MODULE_NAME}")
set(ascribe_pc_libraries "-pthread -lm")
if(ascribe_gemm STREQUAL "onednn")
    list(TRANSFORM OpenMP_C_LIB_NAMES PREPEND "-l" OUTPUT_VARIABLE openmp_flags)
    list(JOIN openmp_flags " " openmp_flags)
    string(PREPEND ascribe_pc_libraries "-ldnnl ${openmp_flags} ")
else()
    string(APPEND ascribe_pc_requires ", openblas")
endif()
if(NOT ascribe_hdf5_pc_FOUND)
    string(REGEX REPLACE ", $" "" ascribe_pc_requires "${ascribe_pc_requires}")
    string(PREPEND ascribe_pc_libraries "-lhdf5 ")
endif()
if(BUILD_SHARED_LIBS)
    set(ascribe_pc_private .private)
    set(ascribe_pc_private_libraries " ${ascribe_pc_libraries}")
else()
    set(ascribe_pc_public_libraries " ${ascribe_pc_libraries}")
endif()
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE ascribe_pc_prefix)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE ascribe_pc_libdir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE ascribe_pc_includedir)
configure_file(${PROJECT_SOURCE_DIR}/scripts/cmake/ascribe.pc.in ${PROJECT_BINARY_DIR}/ascribe.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ascribe.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
