"$ASCRIBE" help show | head -1
"$ASCRIBE" help | head -1
"$ASCRIBE" -h | head -1
