// What `run` and `sidecar` serve the SDKs of a workload with: the local helper, and a caller of the broker that it asks. Files of a sidecar are
// private and whole at every moment.

import type { BrokerCaller, CallerTools } from './adapters/cli/broker-caller.ts';
import type { LocalTools } from './adapters/cli/local-order.ts';
import type { SidecarTools } from './adapters/cli/sidecar.ts';
import type { LocalBroker } from './adapters/local/credentials.ts';
import { createIsOwnUser } from './adapters/local/peer.ts';
import { createLocalServing } from './adapters/local/serving.ts';
import { writeTokenFile } from './compose-ask.ts';
import type { World } from './compose-configuration.ts';
import { LOCAL_ENV_FILE_BYTES_MAX } from './core/limits-local.ts';
import { readPrivateFileAt } from './files/private-directory.ts';

export const localTools = (world: World, caller: CallerTools): LocalTools =>
  Object.freeze({
    ...caller,
    serve: (order, { caller: asks, secrets, ownUser, notice }) =>
      createLocalServing(order, {
        clock: world.clock,
        randomBytes: world.randomBytes,
        after,
        broker: brokerOf(asks),
        secrets,
        isOwnUser: ownUser ? createIsOwnUser() : undefined,
        notice,
      }),
  } satisfies LocalTools);

export const sidecarTools = (local: LocalTools, onSignal: SidecarTools['onSignal']): SidecarTools =>
  Object.freeze({
    ...local,
    onSignal,
    readPrivate: (path) => readPrivateFileAt(path, LOCAL_ENV_FILE_BYTES_MAX),
    writePrivate: (path, text) => writeTokenFile(path, text, 0o600),
  } satisfies SidecarTools);

/** No timer keeps the process: a program or a listener does. */
function after(milliseconds: number, work: () => void): () => void {
  const timer = setTimeout(work, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
}

const brokerOf = (caller: BrokerCaller): LocalBroker => ({
  async ask(order) {
    const answered = await caller.ask(order);
    if (answered.answer === 'would_grant') return { answer: 'unknown', problem: 'the broker answered a dry run' };
    if (answered.answer !== 'refused') return answered;
    return { answer: 'refused', sentence: [answered.sentence, ...(answered.hints ?? [])].join('; ') };
  },
});
