// What `explain` is given to judge: a token or claims, from a file or piped in, and the time to judge them by. What is wrong with any of
// it is said without showing any of it. Nothing is verified.

import { readFile, stat } from 'node:fs/promises';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { CREDENTIAL_BYTES_MAX, NUMERIC_DATE_MAX } from '../../core/limits.ts';
import { readJson } from '../../parsing/json.ts';
import { parseJws } from '../../parsing/jws.ts';
import type { ExplainTools, TokenHeader } from './explain-tools.ts';

/** What stands on the command line. */
export interface ExplainOptions {
  readonly config?: string;
  readonly control?: string;
  readonly tokenFile?: string;
  readonly claimsFile?: string;
  readonly trust?: string;
  readonly client?: string;
  readonly actor?: string;
  readonly actorTokenFile?: string;
  readonly target?: string;
  readonly scope?: string;
  readonly at?: string;
  readonly decision?: string;
  readonly last?: true;
  readonly from?: string;
  readonly all?: true;
  readonly json?: true;
}

/** Claims, and the header of the token that they were read from. */
export interface ClaimsRead {
  readonly claims: JsonObject;
  readonly header: TokenHeader | undefined;
}

type ReadInput = ExplainTools['readInput'];

/** Claims from a file, where one is named; `-` is what is piped in. Rejects with what is wrong. */
export async function readClaims(
  { tokenFile, claimsFile }: { readonly tokenFile?: string | undefined; readonly claimsFile?: string | undefined },
  readInput: ReadInput,
): Promise<ClaimsRead | undefined> {
  const file = tokenFile ?? claimsFile;
  if (file === undefined) return undefined;
  const name = file === '-' ? 'standard input' : file;
  const text = await readBounded(file, name, readInput);
  if (tokenFile !== undefined) {
    const parsed = parseJws(text.trim());
    if (!parsed.ok) throw new Error(`${name} holds no token that can be read: ${parsed.problem}`);
    return { claims: parsed.jws.claims, header: parsed.jws };
  }
  const read = readJson(text);
  if (!read.ok || !isJsonObject(read.value)) throw new Error(`${name} holds no claims: it must be one JSON object`);
  return { claims: read.value, header: undefined };
}

async function readBounded(file: string, name: string, readInput: ReadInput): Promise<string> {
  const bytes = file === '-' ? await readInput(CREDENTIAL_BYTES_MAX) : await readNamed(file);
  if (!bytes || bytes.byteLength > CREDENTIAL_BYTES_MAX) throw new Error(`${name} is longer than any credential`);
  return Buffer.from(bytes).toString('utf8');
}

async function readNamed(file: string): Promise<Uint8Array | undefined> {
  // `/dev/stdin` and process substitution have no size to ask for: they are measured once read.
  const { size } = await stat(file);
  return size > CREDENTIAL_BYTES_MAX ? undefined : await readFile(file);
}

/** RFC 3339 with an offset: a time without one is another time on another machine. */
const RFC3339 =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$/;

/** Seconds since the epoch, or undefined where the text is no such time. */
export function readTime(text: string): number | undefined {
  if (!RFC3339.test(text)) return undefined;
  const seconds = Date.parse(text.replace(' ', 'T').toUpperCase()) / 1000;
  return seconds >= 0 && seconds <= NUMERIC_DATE_MAX ? seconds : undefined;
}
