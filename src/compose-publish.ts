// `exchequer keys publish`, composed: the documents of the running broker over its control socket, as the world reads them over HTTPS, or
// from the key directory where no broker runs. Reads keys and never makes, rotates or deletes one.

import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { PublishedNow, PublishTools } from './adapters/cli/keys-publish.ts';
import type { BrokerPlace } from './adapters/cli/place.ts';
import { METADATA_PATH } from './adapters/cli/public-documents.ts';
import type { Operator } from './adapters/control/operator.ts';
import { askTools, readFileText } from './compose-ask.ts';
import { readOffline, type World } from './compose-configuration.ts';
import { metadataOf } from './compose-listener.ts';
import { isJsonObject } from './core/json.ts';
import { CA_FILE_BYTES_MAX, DISCOVERY_BYTES_MAX, KEY_SET_BYTES_MAX } from './core/limits-outside.ts';
import { publishDurably } from './files/durable.ts';
import { openKeyFiles } from './keys/key-files.ts';
import { createKeyMemory } from './keys/key-memory.ts';
import { viewOf } from './keys/signing-keys.ts';
import { decodeUtf8, readJson } from './parsing/json.ts';

export const publishTools = (world: World, operatorAt: (broker: BrokerPlace) => Operator): PublishTools =>
  Object.freeze({
    async ofBroker(place) {
      try {
        return await operatorAt(place).documents();
      } catch (error) {
        return await fromDirectory(world, place).catch((offline: unknown) => {
          throw new Error(`${messageOf(error)}; without a broker: ${messageOf(offline)}`);
        });
      }
    },
    async ofIssuer(issuer, ca) {
      const pem = ca === undefined ? undefined : await readFileText(ca, CA_FILE_BYTES_MAX);
      if (pem && !pem.ok) throw new Error(`${ca}: ${pem.problem}`);
      const read = createReader(world, pem?.text);
      const metadata = await read(`${issuer.replace(/\/$/, '')}/${METADATA_PATH}`, DISCOVERY_BYTES_MAX);
      return { issuer, metadata, jwks: await read(jwksUri(metadata), KEY_SET_BYTES_MAX) };
    },
    async write(folder, path, text) {
      const file = resolve(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await publishDurably(dirname(file), basename(file), text);
    },
  } satisfies PublishTools);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'could not find out');

function createReader(world: World, ca: string | undefined) {
  const { request } = askTools(world);
  return async (url: string, bytesMax: number): Promise<string> => {
    const trust = ca === undefined ? {} : { ca };
    const answer = await request({ url, bytesMax, accept: 'application/json', privateNetwork: true, ...trust });
    if (!answer.ok) throw new Error(`${url}: ${answer.problem} (${answer.detail})`);
    const text = decodeUtf8(answer.body);
    if (text === undefined) throw new Error(`${url}: is no text`);
    return text;
  };
}

function jwksUri(metadata: string): string {
  const read = readJson(metadata);
  const uri = read.ok && isJsonObject(read.value) ? read.value.jwks_uri : undefined;
  if (typeof uri !== 'string') throw new Error('the metadata names no jwks_uri');
  return uri;
}

/** What a broker would serve that starts now on the keys that are there. Keys that brokers share may be revoked elsewhere: one of them is asked. */
async function fromDirectory(world: World, { config: path }: BrokerPlace): Promise<PublishedNow> {
  const read = await readOffline(world, path);
  if (!read.ok) throw new Error(`${path} does not load: see \`exchequer check\``);
  const { configuration } = read;
  const { config } = configuration;
  if ('redis' in config.store)
    throw new Error('brokers share these keys, and only a running one knows what is revoked');
  const { directory, rotateEverySeconds, publishAheadSeconds } = config.keys;
  const files = await openKeyFiles({ directory, shared: false, randomBytes: world.randomBytes });
  try {
    const memory = createKeyMemory(await files.readAll());
    if (memory.all().length === 0) throw new Error(`${directory} has no keys yet: start the broker once`);
    return {
      issuer: config.issuer,
      metadata: JSON.stringify(metadataOf(() => configuration)()),
      jwks: JSON.stringify(memory.published()),
      keys: memory.all().map(viewOf),
      rotateEverySeconds,
      publishAheadSeconds,
    };
  } finally {
    files.close();
  }
}
