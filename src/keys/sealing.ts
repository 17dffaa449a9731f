// Seals secrets for a store that others can read: AES-256-GCM (JWE, RFC 7516, `dir`), under a key of its own for each name, with the name as
// additional data, so that nothing sealed can be passed off as something else. The key lies in one file of mode 0600 in `keys.directory`,
// which brokers share, and nowhere else. A file that cannot be read stops the start and is never replaced.

import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { base64url, errors, FlattenedEncrypt, flattenedDecrypt } from 'jose';
import type { Sealing } from '../core/cloud-ports.ts';
import { SEALING_KEY_BYTES, SEALING_KEY_FILE_BYTES_MAX } from '../core/limits-store.ts';
import type { RandomBytes } from '../core/ports.ts';
import { removeLeftovers, writeDurably } from '../files/durable.ts';
import { inTurn } from '../files/exclusive-lock.ts';
import { openPrivateDirectory, type PrivateDirectory, readPrivateFile } from '../files/private-directory.ts';

const FILE = 'sealing.key';

/** Reads the key, or makes it: of several brokers that begin at once, one does. Throws where its file is not as it must be. */
export async function openSealing(path: string, randomBytes: RandomBytes): Promise<Sealing> {
  const directory = await openPrivateDirectory(path);
  const key = await inTurn(directory, 'sealing.turn.lock', async () => {
    await removeLeftovers(directory.path, (name) => name === FILE);
    const found = await readKey(directory);
    if (found) return found;
    const made = randomBytes(SEALING_KEY_BYTES);
    await writeDurably(directory.path, FILE, `${base64url.encode(made)}\n`);
    return made;
  });
  return createSealing(key);
}

async function readKey(directory: PrivateDirectory): Promise<Uint8Array | undefined> {
  const text = await readPrivateFile(directory, FILE, SEALING_KEY_FILE_BYTES_MAX).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    },
  );
  if (text === undefined) return undefined;
  const key = Buffer.from(text.trim(), 'base64url');
  if (key.length !== SEALING_KEY_BYTES || `${base64url.encode(key)}\n` !== text)
    throw new Error(`${join(directory.path, FILE)}: is not a sealing key`);
  return key;
}

const HEADER = { alg: 'dir', enc: 'A256GCM' } as const;
const PROTECTED = base64url.encode(JSON.stringify(HEADER));
const ONLY = { keyManagementAlgorithms: [HEADER.alg], contentEncryptionAlgorithms: [HEADER.enc] };

/** What is sealed is `<nonce>.<ciphertext>.<tag>`, each base64url. */
export function createSealing(key: Uint8Array): Sealing {
  // Nonces are random, and one key is good for 2^32 of them (NIST SP 800-38D §8.3): each name has its own, and the count begins anew.
  const keyOf = (name: string): Uint8Array => new Uint8Array(hkdfSync('sha256', key, '', name, SEALING_KEY_BYTES));
  return Object.freeze({
    async seal(name: string, secret: string) {
      const { iv, ciphertext, tag } = await new FlattenedEncrypt(Buffer.from(secret))
        .setProtectedHeader(HEADER)
        .setAdditionalAuthenticatedData(Buffer.from(name))
        .encrypt(keyOf(name));
      return `${iv}.${ciphertext}.${tag}`;
    },
    async unseal(name: string, sealed: string) {
      const [iv = '', ciphertext = '', tag = '', ...more] = sealed.split('.');
      if (more.length > 0) return undefined;
      const jwe = { protected: PROTECTED, iv, ciphertext, tag, aad: base64url.encode(name) };
      try {
        return Buffer.from((await flattenedDecrypt(jwe, keyOf(name), ONLY)).plaintext).toString();
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
  });
}
