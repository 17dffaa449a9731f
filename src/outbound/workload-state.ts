// What the streams of a Workload API said last (SPIFFE Workload API §4.3, §4.4; SA-03): each message takes the place of all that its
// stream said before. PermissionDenied takes it back, since it says that the agent gives it to us no more (§5.2, §6.2.2). Whatever
// else ends a stream changes nothing. X.509 and JWT bundles are held apart, and neither ever serves for the other (SA-05).

import type { WorkloadApi, WorkloadIdentity } from '../core/outside.ts';
import {
  bundlesOfSvids,
  readIdentity,
  readJwtBundles,
  readX509Bundles,
  type X509Bundles,
} from './workload-messages.ts';
import type { BundlesResponse, StreamMethod, X509SvidResponse } from './workload-rpc.ts';

/** Takes a message; gives what is wrong with it, or with parts of it. */
export type Take<T> = (message: T) => readonly string[];

export interface WorkloadState extends Pick<WorkloadApi, 'x509Bundles' | 'jwtBundles' | 'onChange'> {
  /** Whether or not it has expired. */
  identity(): WorkloadIdentity | undefined;
  readonly take: {
    readonly FetchX509SVID: Take<X509SvidResponse>;
    readonly FetchX509Bundles: Take<BundlesResponse>;
    readonly FetchJWTBundles: Take<BundlesResponse>;
  };
  /** The agent gives nothing of this stream to us any more. */
  takeBack(stream: StreamMethod): void;
  /** The agent does not have this stream. X.509 bundles also come beside the X.509-SVIDs; for the rest nothing takes its place. */
  doWithout(stream: StreamMethod): void;
}

interface Held {
  identity: WorkloadIdentity | undefined;
  x509Bundles: X509Bundles | undefined;
  besideSvids: X509Bundles | undefined;
  jwtBundles: ReadonlyMap<string, string> | undefined;
  hasBundleStream: boolean;
}

export function createWorkloadState(): WorkloadState {
  const listeners = new Set<() => void>();
  const held: Held = {
    identity: undefined,
    x509Bundles: undefined,
    besideSvids: undefined,
    jwtBundles: undefined,
    hasBundleStream: true,
  };
  const x509Bundles = () => (held.hasBundleStream ? held.x509Bundles : held.besideSvids);
  const visible = () => [held.identity, x509Bundles(), held.jwtBundles];

  /** Makes a change, then tells the listeners where anybody can see it. */
  function change<T>(make: () => T): T {
    const before = visible();
    const result = make();
    if (visible().some((one, index) => one !== before[index])) for (const listener of [...listeners]) listener();
    return result;
  }

  return Object.freeze({
    identity: () => held.identity,
    x509Bundles,
    jwtBundles: () => held.jwtBundles,
    onChange(listener: () => void) {
      // Of its own, so that a function that is given twice is called twice, and ended once for each.
      const told = () => listener();
      listeners.add(told);
      return () => void listeners.delete(told);
    },
    take: {
      FetchX509SVID: (message: X509SvidResponse) => change(() => takeSvids(held, message)),
      FetchX509Bundles: (message: BundlesResponse) => change(() => takeX509Bundles(held, message)),
      FetchJWTBundles: (message: BundlesResponse) => change(() => takeJwtBundles(held, message)),
    },
    takeBack: (stream: StreamMethod) => change(() => emptyHeld(held, stream)),
    doWithout(stream: StreamMethod) {
      if (stream !== 'FetchX509Bundles') return;
      change(() => {
        held.hasBundleStream = false;
      });
    },
  });
}

function takeSvids(held: Held, message: X509SvidResponse): readonly string[] {
  const read = readIdentity(message, held.identity);
  if ('identity' in read) held.identity = read.identity;
  const beside = readX509Bundles(bundlesOfSvids(message), held.besideSvids);
  held.besideSvids = beside.bundles;
  return [...('problem' in read ? [read.problem] : []), ...beside.problems];
}

function takeX509Bundles(held: Held, { bundles }: BundlesResponse): readonly string[] {
  const read = readX509Bundles(bundles, held.x509Bundles);
  held.x509Bundles = read.bundles;
  return read.problems;
}

function takeJwtBundles(held: Held, { bundles }: BundlesResponse): readonly string[] {
  const read = readJwtBundles(bundles, held.jwtBundles);
  held.jwtBundles = read.bundles;
  return read.problems;
}

function emptyHeld(held: Held, stream: StreamMethod): void {
  if (stream === 'FetchX509Bundles') held.x509Bundles = emptied(held.x509Bundles);
  else if (stream === 'FetchJWTBundles') held.jwtBundles = emptied(held.jwtBundles);
  else {
    held.identity = undefined;
    held.besideSvids = emptied(held.besideSvids);
  }
}

/** None where there were some. Where nothing was ever given, nothing is known either. */
const emptied = <T>(bundles: ReadonlyMap<string, T> | undefined): ReadonlyMap<string, T> | undefined =>
  bundles && bundles.size > 0 ? new Map() : bundles;
