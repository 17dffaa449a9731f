// A bearer token in a file that somebody else renews, such as the kubelet: read anew for every request, never kept (KB-08, KB-11).
// What is no token of RFC 6750 §2.1 is refused, so that no file writes a header of ours. Never tells a byte of what it read.

import { CREDENTIAL_BYTES_MAX } from '../core/limits.ts';
import { readBoundedFile } from './bounded-file.ts';

export type TokenFileRead =
  | { readonly ok: true; readonly token: string }
  | { readonly ok: false; readonly problem: string };

const TOKEN = /^[\w.~+/-]+=*$/;

/** The token in a file, without the white space around it. Never throws. */
export async function readTokenFile(path: string): Promise<TokenFileRead> {
  try {
    const token = (await readBoundedFile(path, CREDENTIAL_BYTES_MAX))?.trim();
    if (token === undefined) return failed(`it is no file of at most ${CREDENTIAL_BYTES_MAX} bytes`);
    return TOKEN.test(token) ? { ok: true, token } : failed('it holds no bearer token');
  } catch (error) {
    return failed(error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be read');
  }
}

const failed = (problem: string): TokenFileRead => ({ ok: false, problem: `the token file: ${problem}` });
