// What an operator is told of a key file that has no key for a token (KB-13): which file, what is in it, and what was asked for. The
// same for a record, a log line and `explain`. Bounded and printable, because the header is a stranger's.

import { KID_SHOWN_CHARACTERS_MAX, KIDS_SHOWN_MAX } from '../core/limits.ts';
import type { KeysFound } from '../core/ports.ts';
import type { LackingFile } from '../core/refusal.ts';
import type { UnprovedJws } from '../parsing/jws.ts';

/** The evidence of `key_unknown`; nothing where the keys are in no file. */
export function lackingFile(
  { file }: Extract<KeysFound, { found: 'none' }>,
  { alg, kid }: Pick<UnprovedJws, 'alg' | 'kid'>,
): { readonly lacking?: LackingFile } {
  if (!file) return {};
  const held = file.kids.slice(0, KIDS_SHOWN_MAX).map(shown);
  return { lacking: { file: file.path, held, alg: shown(alg), ...(kid === undefined ? {} : { kid: shown(kid) }) } };
}

const shown = (text: string): string => text.slice(0, KID_SHOWN_CHARACTERS_MAX).replace(/[^\x20-\x7e]/g, '?');
