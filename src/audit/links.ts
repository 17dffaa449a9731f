// The chain that records stand on: every line says its chain, its place (`seq`, from 1) and the SHA-256 of the line before;
// now and then a checkpoint is signed, which vouches for everything before it. Lines are printable ASCII, so that their text
// and their bytes are one thing. what reads a chain back and judges it is chain.ts.

import { hash, type KeyObject, verify } from 'node:crypto';

/** Where a chain stands: its id, and the place and hash of its last line. */
export interface Chain {
  readonly id: string;
  /** Zero before the first line. */
  readonly seq: number;
  readonly prev: string;
}

/** Signs checkpoints: ECDSA over P-256 with SHA-256, DER in base64, as `openssl dgst -sha256 -verify` reads it. */
export interface CheckpointKey {
  readonly kid: string;
  sign(text: string): string;
}

/** `prev` of the first line. */
export const NO_LINE = '0'.repeat(64);

export const newChain = (randomBytes: (count: number) => Uint8Array): Chain =>
  Object.freeze({ id: Buffer.from(randomBytes(16)).toString('hex'), seq: 0, prev: NO_LINE });

export const lineHash = (line: string): string => hash('sha256', line);

/** Puts a body (the text of a JSON object with members) on the chain: its line, and where the chain stands then. */
export function link(chain: Chain, body: string): { readonly line: string; readonly chain: Chain } {
  const seq = chain.seq + 1;
  const line = `{"chain":"${chain.id}","seq":${seq},"prev":"${chain.prev}",${body.slice(1)}`;
  return { line, chain: { id: chain.id, seq, prev: lineHash(line) } };
}

/** A checkpoint: signed is the whole line as it would be without its last member, `signature`. */
export function linkCheckpoint(
  chain: Chain,
  key: CheckpointKey,
  time: string,
): { readonly line: string; readonly chain: Chain } {
  const { line: unsigned } = link(chain, `{"event":"checkpoint","time":"${time}","kid":"${key.kid}"}`);
  const line = `${unsigned.slice(0, -1)},"signature":"${key.sign(unsigned)}"}`;
  return { line, chain: { id: chain.id, seq: chain.seq + 1, prev: lineHash(line) } };
}

const PLACE = /^\{"chain":"([0-9a-f]{32})","seq":([1-9][0-9]{0,15}),"prev":"([0-9a-f]{64})",/;
const SIGNATURE = /,"signature":"([A-Za-z0-9+/]{1,160}={0,2})"\}$/;

/** What a line says about its own place, or undefined where it is no line of any chain. `prev` is that of the line before it. */
export function readPlace(line: string): Chain | undefined {
  const match = PLACE.exec(line);
  const [, id, seq, prev] = match ?? [];
  if (id === undefined || seq === undefined || prev === undefined) return undefined;
  return { id, seq: Number(seq), prev };
}

/** Whether a checkpoint line bears the signature of this key. */
export function checkpointSigned(line: string, publicKey: KeyObject): boolean {
  const match = SIGNATURE.exec(line);
  if (!match?.[1]) return false;
  const unsigned = `${line.slice(0, match.index)}}`;
  try {
    return verify('sha256', Buffer.from(unsigned), publicKey, Buffer.from(match[1], 'base64'));
  } catch {
    return false;
  }
}
