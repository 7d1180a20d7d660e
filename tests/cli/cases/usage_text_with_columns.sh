"$ASCRIBE" explain --model m --text hello --text-column a
