# A package under the name of another, so that the one can be written for the other in place: references are replaced byte by byte, and a path must not
# change its length. The content is links; nothing is built or copied.
{ pkgs }:
original: replacement:
pkgs.runCommandLocal original.name { } ''
  mkdir $out
  for part in ${replacement}/*; do ln -s $part $out/; done
''
