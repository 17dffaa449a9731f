// `exchequer dev`, composed: the broker as `serve` composes it, on a configuration that is laid over with a place on this machine, with
// keys of its own for every source and no way outward. Verifiers, policy and the path are the real ones. What it knows beyond a broker,
// signing claims for a source, reaches nobody but whoever may open its control socket.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DevRunning, DevTools } from './adapters/cli/dev.ts';
import type { BrokerPlace } from './adapters/cli/place.ts';
import type { SignAsTools } from './adapters/cli/token-as.ts';
import { createControlClient } from './adapters/control/client.ts';
import { type DevCommands, devPlace, type SignOrder, signAs } from './adapters/control/dev-commands.ts';
import { startBroker } from './compose.ts';
import { type Configuration, offlineReach } from './compose-configuration.ts';
import { tableOf } from './compose-kinds.ts';
import { AddressInUse } from './compose-listener.ts';
import { type BrokerWorld, openFrame } from './compose-state.ts';
import { claimKey } from './core/claim-path.ts';
import { DEV_SECRET_BYTES, DEV_TOKEN_SECONDS } from './core/limits.ts';
import { ACCESS_TOKEN_TYPE, AWS_REQUEST_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from './core/request.ts';
import { createStandInSts, type StandInSts } from './dev/caller-identity.ts';
import { mintLocalCertificate } from './dev/certificate.ts';
import { assumedClaims } from './dev/claims.ts';
import { devDirectory, devRecords, devSocket, isOurs, makeDirectory, removeDirectory } from './dev/directory.ts';
import { type DevPlaces, localised } from './dev/overlay.ts';
import { claimsOfRules, targetsOf } from './dev/rule-claims.ts';
import { createThrowawayKeys, type ThrowawayKeys } from './keys/throwaway-keys.ts';
import { ACCESS_TOKEN_TYPS } from './platforms/oidc.ts';

/** Only ever this: nobody else on the network is to find keys that anybody here may use. */
const HOST = '127.0.0.1';
const SECRET_VARIABLE = 'EXCHEQUER_DEV_CLIENT_SECRET';

/** The control socket of a `dev` that runs on this configuration, or undefined. */
export async function runningDev(config: string): Promise<string | undefined> {
  const directory = devDirectory(config);
  if (!isOurs(directory)) return undefined;
  const socket = devSocket(directory);
  const answer = await createControlClient(socket)
    .request('GET', '/dev')
    .catch(() => undefined);
  return answer?.status === 200 ? socket : undefined;
}

/** The records of a `dev` that runs on this configuration, or undefined. */
export const runningRecords = async (config: string): Promise<string | undefined> =>
  (await runningDev(config)) && devRecords(devDirectory(config));

export const devTools = (world: BrokerWorld): Pick<DevTools, 'start'> => ({
  async start(config, port) {
    const running = await runningDev(config);
    if (running !== undefined) throw new Error(`a dev runs on this configuration already (${running})`);
    const directory = devDirectory(config);
    makeDirectory(directory);
    try {
      const started = await start(world, config, { directory, port });
      if (!started.ok) removeDirectory(directory);
      return started;
    } catch (error) {
      removeDirectory(directory);
      // What the configuration says of `listen` does not count here.
      throw error instanceof AddressInUse ? new AddressInUse(error.address, '--port takes another', error) : error;
    }
  },
});

/** What `token` asks of a running `dev`. */
export const signAsTools = (): SignAsTools =>
  Object.freeze({
    async place({ config, control }: BrokerPlace) {
      const socket = control ?? (await runningDev(config));
      return socket === undefined ? undefined : devPlace(socket).catch(() => undefined);
    },
    async sign({ config, control }: BrokerPlace, order: SignOrder) {
      const socket = control ?? (await runningDev(config));
      if (socket === undefined)
        throw new Error(`no \`exchequer dev\` runs on ${resolve(config)}: start one there, or name it with --config`);
      return signAs(socket, order);
    },
  });

async function start(world: BrokerWorld, config: string, at: { readonly directory: string; readonly port: number }) {
  const { directory } = at;
  const minted = await mintLocalCertificate(world.clock.nowSeconds());
  const places = placesOf(at);
  const write = (path: string, text: string) => writeFileSync(path, text, { mode: 0o600 });
  write(places.standIn, minted.ca);
  write(places.certificate, minted.certificate);
  write(places.key, minted.key);
  const clientSecret = Buffer.from(world.randomBytes(DEV_SECRET_BYTES)).toString('base64url');

  const local: BrokerWorld = {
    ...world,
    env: { ...world.env, [SECRET_VARIABLE]: createHash('sha256').update(clientSecret).digest('hex') },
    log: { write: (line) => sayPlainly(world, line) },
  };
  const keys = createThrowawayKeys();
  const sts = createStandInSts(world.randomBytes, offlineReach(world).outbound);
  const frame = {
    ...openFrame(local),
    caches: keys.caches,
    outbound: sts.outbound,
    overlay: (written: unknown) => localised(written, places),
  };
  let tries: DevRunning['tries'] = [];
  const dev = (configuration: () => Configuration): DevCommands => {
    tries = triesOf(configuration());
    return {
      place: () => ({ issuer: places.issuer, ca: minted.ca }),
      sign: (order) => signWith(world, { keys, sts }, configuration(), order),
    };
  };
  const started = await startBroker(local, config, { frame, dev });
  if (!started.ok) return started;
  const { broker } = started;
  const running: DevRunning = {
    issuer: places.issuer,
    ca: places.standIn,
    control: places.socket,
    records: places.records,
    clientSecret,
    sources: broker.sources,
    targets: broker.targets,
    tries,
    reload: broker.reload,
    async stop() {
      await broker.stop('signal');
      removeDirectory(directory);
    },
  };
  return { ok: true as const, running };
}

/** For each source what rules give it; of a source that no rule speaks of, what anybody may ask for. */
const triesOf = ({ sources, compiled }: Configuration): DevRunning['tries'] =>
  sources.flatMap(({ config: { name: source } }) => {
    const given = targetsOf(compiled, source);
    return compiled.targets
      .filter(({ name }, at) => (given.length === 0 ? at === 0 : given.includes(name)))
      .map(({ name, address, parameters }) => ({
        source,
        target: name,
        address: parameters.length > 0 ? address : undefined,
      }));
  });

const placesOf = ({ directory, port }: { readonly directory: string; readonly port: number }): DevPlaces => ({
  issuer: `https://localhost:${port}`,
  address: `${HOST}:${port}`,
  certificate: join(directory, 'tls.crt'),
  key: join(directory, 'tls.key'),
  standIn: join(directory, 'ca.crt'),
  socket: devSocket(directory),
  store: join(directory, 'store'),
  keys: join(directory, 'keys'),
  records: devRecords(directory),
  secret: `\${${SECRET_VARIABLE}}`,
});

/** The log's lines for a person: what is wrong, and that something was read again. */
function sayPlainly(world: BrokerWorld, line: string): void {
  const { level, msg, problem, err } = JSON.parse(line);
  const text = [msg, problem, err?.message].filter((part) => typeof part === 'string').join(': ');
  if (level > INFO || msg === RELOADED) world.log.write(`${text}\n`);
}

/** pino's level. */
const INFO = 30;
const RELOADED = 'reloaded';

const TOKEN_TYPES: Readonly<Record<string, string>> = {
  access_token: ACCESS_TOKEN_TYPE,
  id_token: ID_TOKEN_TYPE,
  jwt: JWT_TOKEN_TYPE,
};

const firstMember = (key: string): string => key.split(claimKey(['', '']), 1)[0] ?? key;

async function signWith(
  { clock, randomBytes }: BrokerWorld,
  { keys, sts }: { readonly keys: ThrowawayKeys; readonly sts: StandInSts },
  { sources, compiled: { rules, targets, sources: compiled } }: Configuration,
  { source: name, claims: given, target }: Parameters<DevCommands['sign']>[0],
): ReturnType<DevCommands['sign']> {
  const source = sources.find(({ config }) => config.name === name);
  if (!source) {
    const names = sources.map(({ config }) => config.name).join(', ');
    return { ok: false, problem: `there is no trust source ${JSON.stringify(name)}; there are ${names}` };
  }
  const table = tableOf(source.config.kind);
  const { issuer, audience, require, options, maxAgeSeconds = DEV_TOKEN_SECONDS } = source.config;
  const assumed = assumedClaims({
    table,
    issuer,
    audience,
    require,
    given,
    wanted: claimsOfRules({ rules, targets, source: name, table, target, given }),
    named: (compiled.find((one) => one.name === name)?.claimsNamed ?? []).map(firstMember),
    nowSeconds: clock.nowSeconds(),
    lifetimeSeconds: Math.min(DEV_TOKEN_SECONDS, table.lifetimeSecondsMax, maxAgeSeconds),
    jti: Buffer.from(randomBytes(DEV_SECRET_BYTES)).toString('base64url'),
  });
  if (!assumed.ok) return assumed;
  if (table.tokenTypes.includes(AWS_REQUEST_TOKEN_TYPE)) {
    const [region] = Array.isArray(options.regions) ? options.regions : [];
    const token = sts.present(String(region), assumed.claims, clock.nowSeconds());
    return { ok: true, token, tokenType: AWS_REQUEST_TOKEN_TYPE };
  }
  const [taken] = Array.isArray(options.tokens) ? options.tokens : ['jwt'];
  const tokenType = TOKEN_TYPES[String(taken)] ?? JWT_TOKEN_TYPE;
  const typ = tokenType === ACCESS_TOKEN_TYPE ? ACCESS_TOKEN_TYPS[0] : table.typ.find((one) => one !== undefined);
  return { ok: true, token: await keys.sign(source.keys.digest, assumed.claims, typ), tokenType };
}
