"$ASCRIBE" explain --model m --text hello --limit 3
