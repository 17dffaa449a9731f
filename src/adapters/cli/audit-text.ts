// Records as people read them: one line each, for `audit tail` and `audit query`. What a record says may be anything: nothing here is printed
// before it has been escaped, and a member that is not there is not guessed at.

export type Members = Readonly<Record<string, unknown>>;

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const members = (value: unknown): Members | undefined => (isMembers(value) ? value : undefined);
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** A line of a trail, or undefined where it is no object. */
export function readMembers(line: string): Members | undefined {
  try {
    return members(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Whoever acts, the current one first, by name where the record has one. */
export function actingNames({ subject, actor, client, actors }: Members): readonly string[] {
  const proved = [actor, client, subject].map(members).filter((who) => who !== undefined);
  const chain = (Array.isArray(actors) ? actors : []).map(members).filter((who) => who !== undefined);
  const nameOf = (who: Members): string => {
    const same = proved.find(({ iss, sub }) => iss === who.iss && sub === who.sub);
    return text(who.name) ?? text(same?.name) ?? text(who.sub) ?? '-';
  };
  const now = text(members(actor)?.name);
  const names = chain.map(nameOf);
  // A request that was refused has the chain of its subject's token, without whoever would have acted next.
  return now === undefined || names[0] === now ? names : [now, ...names];
}

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.flatMap((each) => text(each) ?? []) : [];

/** "Action by user via agent for client at date: what became of it, which decision." */
export function sentenceOf(record: Members): string {
  const [now, ...earlier] = actingNames(record);
  const client = text(members(record.client)?.id);
  return [
    actionOf(record),
    `by ${text(members(record.subject)?.name) ?? 'nobody proved'}`,
    ...(now === undefined ? [] : [`via ${[now, ...earlier].join(', before it ')}`]),
    ...(client === undefined ? [] : [`for ${client}`]),
    `at ${text(record.time) ?? '-'}: ${outcomeOf(record)}`,
    ` ${text(record.decision) ?? '-'}`,
  ].join(' ');
}

function actionOf({ target, scopes, asked }: Members): string {
  const wanted = members(asked);
  const granted = text(target);
  const what = granted ?? (texts(wanted?.targets).join(' and ') || 'a token');
  const which = texts(granted === undefined ? wanted?.scopes : scopes);
  return which.length === 0 ? what : `${what} [${which.join(' ')}]`;
}

function outcomeOf({ outcome, reason, rule, evidence, dryRun }: Members): string {
  const withdrawal = text(members(evidence)?.withdrawal);
  return [
    text(outcome) ?? '-',
    ...(outcome === 'granted' ? [`by ${text(rule) ?? '-'}`] : [text(reason) ?? '-']),
    ...(withdrawal === undefined ? [] : [`by ${withdrawal}`]),
    ...(dryRun === true ? ['(dry run)'] : []),
  ].join(' ');
}
