echo hello > texts.doc
"$ASCRIBE" explain --model m --data texts.doc --out o.h5
