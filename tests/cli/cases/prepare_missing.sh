ASCRIBE_PREPARE=/nonexistent/ascribe-prepare "$ASCRIBE" prepare --help
