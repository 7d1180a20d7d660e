ASCRIBE_REPORT=/nonexistent/ascribe-report "$ASCRIBE" report m
