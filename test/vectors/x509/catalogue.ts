// Every certificate vector: made anew for each run, valid around the instant that is asked for, so that they can be judged at a
// fixed time and presented to a running broker as well.

import { algorithmRows } from './algorithms.ts';
import { constraintRows } from './constraints.ts';
import { encodingRows } from './encodings.ts';
import { createMint, type Keys, makeKeys } from './mint.ts';
import { pathRows } from './paths.ts';
import { profileRows } from './profile.ts';
import { type Vector, vectorOf } from './vector.ts';

/** The vectors by what they are about. Takes about a second, most of it for keys. */
export function makeVectors(
  nowSeconds: number,
  keys: Keys = makeKeys(),
): Readonly<Record<'profile' | 'encodings' | 'paths' | 'constraints' | 'algorithms', readonly Vector[]>> {
  const mint = createMint(keys, nowSeconds);
  const made = (
    rows: Parameters<typeof vectorOf>[1][] | readonly Parameters<typeof vectorOf>[1][],
  ): readonly Vector[] => rows.map((row) => vectorOf(mint, row));
  return {
    profile: made(profileRows(mint)),
    encodings: made(encodingRows(mint)),
    paths: made(pathRows(mint)),
    constraints: made(constraintRows(mint)),
    algorithms: made(algorithmRows(mint)),
  };
}
