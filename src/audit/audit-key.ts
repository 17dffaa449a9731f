// The key that signs checkpoints and nothing else: P-256, kept as `audit-key.pem` (0600) in the key directory, with its public
// half beside it as `audit-key.pub.pem` for whoever verifies. Made at the first start; a key that others can read is refused. Brokers that
// share the directory sign with the same key, each on a chain of its own.

import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import { link, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SIGNING_KEY_FILE_BYTES_MAX } from '../core/limits.ts';
import { publishDurably } from '../files/durable.ts';
import { openPrivateDirectory, readPrivateFile } from '../files/private-directory.ts';
import type { CheckpointKey } from './links.ts';

const PRIVATE_FILE = 'audit-key.pem';
const PUBLIC_FILE = 'audit-key.pub.pem';

/** The audit key of this directory, made where there is none. Throws where it cannot be read, is exposed, or is no P-256 key. */
export async function openAuditKey(directory: string): Promise<CheckpointKey> {
  const opened = await openPrivateDirectory(directory);
  const file = join(directory, PRIVATE_FILE);
  await createOnce(file);
  const key = privateKey(file, await readPrivateFile(opened, PRIVATE_FILE, SIGNING_KEY_FILE_BYTES_MAX));
  const publicKey = createPublicKey(key);
  await publish(directory, publicKey.export({ type: 'spki', format: 'pem' }).toString());
  return Object.freeze({
    kid: keyId(publicKey),
    sign: (text: string) => sign('sha256', Buffer.from(text), key).toString('base64'),
  });
}

/** Names a public key: SHA-256, hex, of its SubjectPublicKeyInfo. */
export const keyId = (key: KeyObject): string => hash('sha256', key.export({ type: 'spki', format: 'der' }));

/** Writes the key apart and links it into place, so that brokers that share the directory never see half of one, or two. */
async function createOnce(file: string): Promise<void> {
  if (await stat(file).catch(() => undefined)) return;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const fresh = `${file}.${keyId(createPublicKey(privateKey)).slice(0, 16)}`;
  const handle = await open(fresh, 'wx', 0o600);
  try {
    await handle.writeFile(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await handle.sync();
    await link(fresh, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await handle.close();
    await unlink(fresh);
  }
}

function privateKey(file: string, pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The parser's own message is not repeated: it may quote what it read.
    throw new Error(`${file} is not a private key in PEM`);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error(`${file} is not a P-256 key`);
  return key;
}

/** The public half, for everybody. Writing it syncs the directory, and with it the name of a key that has just been made. */
async function publish(directory: string, pem: string): Promise<void> {
  const present = await readFile(join(directory, PUBLIC_FILE), 'utf8').catch(() => undefined);
  if (present !== pem) await publishDurably(directory, PUBLIC_FILE, pem);
}
