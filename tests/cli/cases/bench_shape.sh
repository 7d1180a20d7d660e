"$ASCRIBE" bench --shape minilm-l6 --length 8 --rows 2 --budget 62 --seconds 0.1 --workers 2
ls
