mkdir empty
"$ASCRIBE" inspect empty
