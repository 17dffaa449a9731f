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
import {
  type BesideOrder,
  besideAs,
  type DevCommands,
  devPlace,
  type SignOrder,
  signAs,
} from './adapters/control/dev-commands.ts';
import { startBroker } from './compose.ts';
import { type Configuration, offlineReach } from './compose-configuration.ts';
import { besideWith, signWith } from './compose-dev-sign.ts';
import { AddressInUse } from './compose-listener.ts';
import { type BrokerWorld, openFrame } from './compose-state.ts';
import { DEV_SECRET_BYTES } from './core/limits.ts';
import { createStandInSts } from './dev/caller-identity.ts';
import { mintLocalCertificate } from './dev/certificate.ts';
import { devDirectory, devRecords, devSocket, isOurs, makeDirectory, removeDirectory } from './dev/directory.ts';
import { type DevPlaces, localised } from './dev/overlay.ts';
import { partiesOf, targetsOf } from './dev/rule-claims.ts';
import { createStandInClouds } from './dev/stand-in-clouds.ts';
import { createThrowawayKeys } from './keys/throwaway-keys.ts';
import { SELF } from './platforms/self.ts';
import { actorMatches } from './policy/compiled.ts';

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
    async beside({ config, control }: BrokerPlace, order: BesideOrder) {
      const socket = control ?? (await runningDev(config));
      if (socket === undefined) throw new Error(`no \`exchequer dev\` runs on ${resolve(config)}`);
      return besideAs(socket, order);
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
  const opened = openFrame(local);
  const keys = createThrowawayKeys(opened.ownKeys);
  const sts = createStandInSts(world.randomBytes, offlineReach(world).outbound);
  const frame = {
    ...opened,
    caches: keys.caches,
    outbound: createStandInClouds({
      nowSeconds: world.clock.nowSeconds,
      show: (line) => opened.log.warn(line),
      otherwise: sts.outbound,
    }),
    overlay: (written: unknown) => localised(written, places),
  };
  const signing = { world, keys, sts, clientSecret };
  let tries: DevRunning['tries'] = [];
  const dev = (configuration: () => Configuration): DevCommands => {
    tries = triesOf(configuration());
    return {
      place: () => ({ issuer: places.issuer, ca: minted.ca }),
      sign: (order) => signWith(signing, configuration(), order),
      beside: (order) => besideWith(signing, configuration(), order),
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

/** For each source what rules give it; of a source that no rule speaks of, what anybody may ask for, and nothing where it only acts. */
const triesOf = ({ sources, compiled }: Configuration): DevRunning['tries'] => {
  const isActing = (source: string): boolean =>
    compiled.rules.some(
      (rule) => rule.effect === 'allow' && actorMatches(rule).some((match) => match.source === source),
    );
  return sources.flatMap(({ config: { name: source, kind } }) => {
    const given = targetsOf(compiled, source);
    return compiled.targets
      .filter(({ name }, at) => (given.length === 0 ? at === 0 && !isActing(source) : given.includes(name)))
      .map(({ name, address, parameters }) => ({
        how: [
          // Ours are issued, and not made up.
          kind === SELF.kind ? '--from env:TOKEN' : `--as ${source}`,
          ...besideFlags(partiesOf(compiled, source, name)),
        ].join(' '),
        target: name,
        address: parameters.length > 0 ? address : undefined,
      }));
  });
};

const besideFlags = ({ actor, client }: ReturnType<typeof partiesOf>): readonly string[] => [
  ...(actor === undefined ? [] : [`--actor ${actor}`]),
  ...(client === undefined ? [] : [`--client ${client}`]),
];

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
