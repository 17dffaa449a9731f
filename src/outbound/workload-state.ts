// What the streams of a Workload API said last (SPIFFE Workload API §4.3, §4.4; SA-03): each message takes the place of all that its
// stream said before. PermissionDenied takes it back, since it says that the agent gives it to us no more (§5.2, §6.2.2). Whatever
// else ends a stream changes nothing. X.509 and JWT bundles are held apart, and neither ever serves for the other (SA-05).

import type { WorkloadApi, WorkloadIdentity } from '../core/ports.ts';
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

export function createWorkloadState(): WorkloadState {
  const listeners = new Set<() => void>();
  let identity: WorkloadIdentity | undefined;
  let streamed: X509Bundles | undefined;
  let besideSvids: X509Bundles | undefined;
  let jwtBundles: ReadonlyMap<string, string> | undefined;
  let hasBundleStream = true;

  const x509Bundles = () => (hasBundleStream ? streamed : besideSvids);

  /** Makes a change, then tells the listeners where anybody can see it. */
  function change<T>(make: () => T): T {
    const before = [identity, x509Bundles(), jwtBundles];
    const result = make();
    const after = [identity, x509Bundles(), jwtBundles];
    if (after.some((one, index) => one !== before[index])) for (const listener of [...listeners]) listener();
    return result;
  }

  const take: WorkloadState['take'] = {
    FetchX509SVID: (message) =>
      change(() => {
        const read = readIdentity(message, identity);
        if ('identity' in read) identity = read.identity;
        const beside = readX509Bundles(bundlesOfSvids(message), besideSvids);
        besideSvids = beside.bundles;
        return [...beside.problems, ...('problem' in read ? [read.problem] : [])];
      }),
    FetchX509Bundles: ({ bundles }) =>
      change(() => {
        const read = readX509Bundles(bundles, streamed);
        streamed = read.bundles;
        return read.problems;
      }),
    FetchJWTBundles: ({ bundles }) =>
      change(() => {
        const read = readJwtBundles(bundles, jwtBundles);
        jwtBundles = read.bundles;
        return read.problems;
      }),
  };

  function takeBack(stream: StreamMethod): void {
    change(() => {
      if (stream === 'FetchX509SVID') {
        identity = undefined;
        besideSvids = emptied(besideSvids);
      } else if (stream === 'FetchX509Bundles') streamed = emptied(streamed);
      else jwtBundles = emptied(jwtBundles);
    });
  }

  return Object.freeze({
    identity: () => identity,
    x509Bundles,
    jwtBundles: () => jwtBundles,
    onChange(listener: () => void) {
      // Of its own, so that a function that is given twice is called twice, and ended once for each.
      const told = () => listener();
      listeners.add(told);
      return () => void listeners.delete(told);
    },
    take,
    takeBack,
    doWithout(stream: StreamMethod) {
      if (stream === 'FetchX509Bundles')
        change(() => {
          hasBundleStream = false;
        });
    },
  });
}

/** None where there were some. Where nothing was ever given, nothing is known either. */
const emptied = <T>(bundles: ReadonlyMap<string, T> | undefined): ReadonlyMap<string, T> | undefined =>
  bundles && bundles.size > 0 ? new Map() : bundles;
