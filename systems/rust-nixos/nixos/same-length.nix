# A package under a name with the same length as another's, so that its path can replace the other one in place: references are
# replaced byte by byte, and a path must not change its length. The content consists of links. Nothing is built or copied.
{ pkgs }:
original: replacement:
pkgs.runCommandLocal original.name { } ''
  mkdir $out
  for part in ${replacement}/*; do ln -s $part $out/; done
''
