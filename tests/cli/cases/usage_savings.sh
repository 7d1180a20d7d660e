for given in fold, ,fold "" fold,,duplicates some; do
    "$ASCRIBE" explain --model m --data d.h5 --out o.h5 --savings "$given" 2>&1
    echo "$?"
done
