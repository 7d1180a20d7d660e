ASCRIBE_CONVERT=/nonexistent/ascribe-convert "$ASCRIBE" convert m
