// What `exchequer dev` makes of a configuration as it was written, before references in it are followed: our own issuer on localhost,
// everything of ours below one folder, and no file, secret or address of somebody else that a laptop need not have. Trust, targets and
// policies stay what they are: rules are tried as they stand.

import { isMap } from '../parsing/yaml.ts';

/** Where things of `dev` are; absolute. */
export interface DevPlaces {
  readonly issuer: string;
  readonly address: string;
  readonly certificate: string;
  readonly key: string;
  /** PEM: stands in for every file of somebody else. Its content proves nobody: keys come from elsewhere in `dev`. */
  readonly standIn: string;
  readonly socket: string;
  readonly store: string;
  readonly keys: string;
  readonly records: string;
  /** A reference to the SHA-256 of the one secret that all clients with a secret have here. */
  readonly secret: string;
}

type Entry = Readonly<Record<string, unknown>>;

/** From written to written. What is no configuration is left as it is, for the schema to refuse. */
export function localised(written: unknown, places: DevPlaces): unknown {
  if (!isMap(written)) return written;
  const { issuer } = written;
  const ours = (value: unknown): unknown => (value === issuer ? places.issuer : value);
  return {
    ...written,
    issuer: places.issuer,
    listen: {
      ...entryOf(written.listen),
      address: places.address,
      tls: { certificate: places.certificate, key: places.key },
    },
    // A port that is free: nothing in `dev` asks there.
    observe: { ...entryOf(written.observe), address: '127.0.0.1:0' },
    control: { ...entryOf(written.control), socket: places.socket },
    store: { directory: places.store },
    keys: { ...entryOf(written.keys), directory: places.keys },
    audit: { ...entryOf(written.audit), to: places.records, sync: false },
    ...mapped(written, 'trust', (source) => localSource(source, places, ours)),
    ...mapped(written, 'clients', (client) => localClient(client, places, ours)),
    ...mapped(written, 'targets', (target) => localTarget(target, places)),
  };
}

/** An API server is asked about nobody here: the source's throw-away key vouches alone. */
function localSource(source: Entry, { standIn }: DevPlaces, ours: (value: unknown) => unknown): Entry {
  const { tokenReview: _, ...rest } = source;
  return {
    ...rest,
    ...('audience' in rest ? { audience: ours(rest.audience) } : {}),
    ...(rest.jwks === 'none' ? { jwks: { file: standIn } } : places(rest, ['jwks'], standIn)),
    ...places(rest, ['discovery', 'bundle'], standIn),
  };
}

function localClient(client: Entry, { standIn, secret }: DevPlaces, ours: (value: unknown) => unknown): Entry {
  return {
    ...client,
    ...(Array.isArray(client.presents) ? { presents: client.presents.map(ours) } : {}),
    ...('secret' in client ? { secret } : {}),
    ...places(client, ['jwks', 'certificate'], standIn),
  };
}

const CLOUDS: readonly unknown[] = ['aws', 'gcp', 'azure'];

/** No cloud is called here, and none minds that our issuer has a port. */
function localTarget(target: Entry, { standIn }: DevPlaces): Entry {
  if (!CLOUDS.includes(target.kind)) return target;
  const accept = { ...entryOf(target.accept), 'issuer-port': 'dev listens on this machine' };
  return { ...target, ...('ca' in target ? { ca: standIn } : {}), accept };
}

const FILES = ['file', 'ca', 'bootstrap', 'tokenFile'];

/** These members, each with the stand-in for every file that it names. */
const places = (entry: Entry, names: readonly string[], standIn: string): Entry =>
  Object.fromEntries(
    names.flatMap((name) => {
      const place = entry[name];
      if (!isMap(place)) return [];
      const kept = Object.entries(place).map(([key, value]) => [
        key,
        FILES.includes(key) && typeof value === 'string' ? standIn : value,
      ]);
      return [[name, Object.fromEntries(kept)]];
    }),
  );

/** One member whose entries are changed, or nothing where it is no map: the schema says so. */
function mapped(written: Entry, name: string, change: (entry: Entry) => Entry): Entry {
  const entries = written[name];
  if (!isMap(entries)) return {};
  const changed = Object.entries(entries).map(([key, entry]) => [key, isMap(entry) ? change(entry) : entry]);
  return { [name]: Object.fromEntries(changed) };
}

const entryOf = (value: unknown): Entry => (isMap(value) ? value : {});
