// Whether anything but the lack of an allow rule stands in a request's way: a deny, what its target or source requires, a client that is
// gone. Asked of a policy that keeps the denies and allows everybody everything: it is never loaded, and grants nothing.

import type { AllowRule, CompiledPolicy, CompiledTarget } from '../compiled.ts';
import type { RecordedRequest } from './recorded.ts';
import type { Replay } from './replay.ts';

/** Why no allow rule would help; undefined where one would. */
export type Probe = (request: RecordedRequest, target: CompiledTarget) => string | undefined;

/** `replayOn` decides recorded requests by a policy that is given. */
export function createProbe({
  policy,
  replayOn,
}: {
  readonly policy: CompiledPolicy;
  readonly replayOn: (policy: CompiledPolicy) => Replay;
}): Probe {
  const replays = new Map<string | undefined, Replay>();
  const replayFor = (client: string | undefined): Replay => {
    const known = replays.get(client);
    if (known) return known;
    const replay = replayOn(allowingAll(policy, client));
    replays.set(client, replay);
    return replay;
  };
  return (request, target) => {
    const { client, asked } = request;
    const itself = client?.source === request.subject.source && client.name === request.subject.name;
    // By its name: the parameters of the target are the rule's business.
    const byName = { targets: [target.name], scopes: asked?.scopes };
    const now = replayFor(itself ? undefined : client?.id)({ ...request, asked: byName });
    if (now.outcome === 'granted') return undefined;
    if (now.outcome === 'untold') return `cannot be told: ${now.open.join(', ')} not recorded in full`;
    if (now.rule !== undefined) return `denied by ${now.rule}`;
    return now.reasons.includes('target_denied') ? 'denied' : `refused whatever a rule says: ${now.reasons.join(', ')}`;
  };
}

function allowingAll(policy: CompiledPolicy, client: string | undefined): CompiledPolicy {
  const all: AllowRule = {
    name: '',
    at: '',
    owner: undefined,
    why: undefined,
    mode: 'enforce',
    untilSeconds: undefined,
    matches: policy.sources.map(({ name }) => ({ source: name, ids: [], context: [], claims: [] })),
    effect: 'allow',
    actor: { by: 'nobody' },
    confirm: undefined,
    clients: client === undefined ? undefined : [client],
    allow: policy.targets.map(({ name }) => ({ target: name, scopes: 'all' })),
    lifetimeSeconds: undefined,
    parameters: {},
    captures: [],
  };
  return { ...policy, rules: [...policy.rules.filter(({ effect }) => effect === 'deny'), all] };
}
