printf "#!/bin/sh\nexec sleep 1\n" > program
chmod +x program
mkdir scratch
TMPDIR=scratch ASCRIBE_PREPARE=./program "$ASCRIBE" explain --model m --text hello &
sleep 0.4
ls scratch | wc -l | tr -d " "
kill -TERM $!
wait $!
echo $?
ls scratch
