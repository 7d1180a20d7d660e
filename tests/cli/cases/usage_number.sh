for given in -1 +1 0x10 1.5 "1 " "" 18446744073709551616; do
    "$ASCRIBE" explain --model m --data d.h5 --out o.h5 --seed "$given" 2>&1
    echo "$?"
done
