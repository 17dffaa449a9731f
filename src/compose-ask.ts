// What the verbs of callers reach the world by (`token`): the outbound client, a SPIFFE agent, files, pauses. They serve
// one person or one job against a broker and an agent of their own choice, so private and loopback addresses are permitted
// here, as they are nowhere in a broker: nobody else says where these requests go. Link-local and metadata addresses stay refused.

import { existsSync } from 'node:fs';
import { lstat, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { SecretTools } from './adapters/cli/keys-secret.ts';
import type { TokenTools } from './adapters/cli/token-credential.ts';
import type { OutTools } from './adapters/cli/token-out.ts';
import type { World } from './compose-configuration.ts';
import { readBoundedFile } from './files/bounded-file.ts';
import { writeDurably } from './files/durable.ts';
import { presignCallerIdentity } from './outbound/aws-identity.ts';
import { createOutbound } from './outbound/fetch.ts';
import { openWorkloadApi } from './outbound/workload-api.ts';
import { parseEndpointSocket } from './parsing/endpoint-socket.ts';

/** The tools of `token`. Nothing is opened before one is used. */
export function askTools(world: World): TokenTools {
  return Object.freeze({
    async request(request) {
      const outbound = createOutbound({ permitLoopback: true });
      try {
        return await outbound.request(request);
      } finally {
        outbound.close();
      }
    },
    async jwtSvid(socket, audience) {
      const read = parseEndpointSocket(socket);
      if (!read.ok) return { ok: false, problem: `SPIFFE_ENDPOINT_SOCKET ${read.problem}` };
      const api = openWorkloadApi({ socket, clock: world.clock, randomBytes: world.randomBytes });
      try {
        return await api.jwtSvid(audience);
      } finally {
        api.close();
      }
    },
    callerIdentity: (audience, region) => presignCallerIdentity(audience, region, world.clock.nowSeconds()),
    readFile: readFileText,
    exists: existsSync,
    wait: (milliseconds) => setTimeout(milliseconds),
  } satisfies TokenTools);
}

/** A regular file in latin1, or why there is none to read. Never rejects. */
export async function readFileText(
  path: string,
  bytesMax: number,
): Promise<{ readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string }> {
  try {
    const text = await readBoundedFile(path, bytesMax);
    return text === undefined
      ? { ok: false, problem: `it is no file of at most ${bytesMax} bytes` }
      : { ok: true, text };
  } catch (error) {
    return { ok: false, problem: error instanceof Error && 'code' in error ? String(error.code) : 'unreadable' };
  }
}

/** What a file with a token is kept by. */
export const outTools = (world: World, onSignal: OutTools['onSignal']): OutTools =>
  Object.freeze({
    nowSeconds: world.clock.nowSeconds,
    elapsedMs: world.clock.elapsedMs,
    random: () => Buffer.from(world.randomBytes(4)).readUInt32BE() / 2 ** 32,
    writeFile: writeTokenFile,
    pause: (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }).catch(() => undefined),
    onSignal,
  } satisfies OutTools);

/** Replaces a plain file, or makes it; or gives why not: a device or a link of that name is somebody else's. */
export async function writeTokenFile(path: string, text: string, mode: number): Promise<string | undefined> {
  const whole = resolve(path);
  try {
    const found = await lstat(whole).catch(() => undefined);
    if (found && !found.isFile()) return 'it is there and is no plain file';
    await writeDurably(dirname(whole), basename(whole), text, mode);
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be written';
  }
}

export const secretTools = ({ randomBytes }: World): SecretTools => ({
  randomBytes,
  writeNew: (path, text) => writeFile(path, text, { flag: 'wx', mode: 0o600 }),
  remove: (path) => rm(path, { force: true }),
});
