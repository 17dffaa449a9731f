// What pins the subject of an allow rule, kind by kind (docs/architecture.md, "Rules"): without a pin a rule does not load. A pin is made
// of claims that the platform assigns; a bare `sub` pins only where the platform fixes it. In a pin `*` is a whole segment and
// never empty. Attacks A-105 to A-107.

import { parseSpiffeId } from '../../parsing/spiffe-id.ts';
import { SHARED_ISSUER_HOSTS } from '../../platforms/oidc.ts';
import { type ContextField, fieldPath, type PlatformTable } from '../../platforms/table.ts';
import { type Condition, type Expected, isPattern, textOf } from '../evaluate.ts';
import { inPin } from '../pattern.ts';

/** What must be known of a source to judge a pin. */
export interface PinSource {
  readonly name: string;
  readonly table: PlatformTable;
  /** For SPIFFE `spiffe://<trust domain>`. */
  readonly issuer: string;
  readonly subjects: 'workloads' | 'people';
  /** Claims that pin people. */
  readonly pins: readonly string[];
  /** The source's `require`, compiled. */
  readonly requirements: readonly Condition[];
}

export interface Pin {
  readonly ids: readonly Condition[];
  readonly context: readonly Condition[];
  /** The rule's other conditions. */
  readonly claims: readonly Condition[];
  readonly problems: readonly string[];
}

interface Halves {
  readonly ids: readonly Condition[];
  readonly context?: readonly Condition[];
  readonly problems?: readonly string[];
}

/** Whether a parameter stands in every target of the rule: then each value of it has targets of its own. */
export type Reaches = (parameter: string) => boolean;

/** Chooses the pin among a rule's conditions for one source, or says why there is none. */
export function choosePin(source: PinSource, conditions: readonly Condition[], reaches: Reaches): Pin {
  const halves = halvesOf(source, conditions, reaches);
  const { ids, context = [], problems = [] } = halves;
  const claims = conditions.filter((condition) => !ids.includes(condition) && !context.includes(condition));
  return { ids: ids.map(strict), context: context.map(strict), claims, problems };
}

function halvesOf(source: PinSource, conditions: readonly Condition[], reaches: Reaches): Halves {
  // Our own tokens are pinned by the names that we issued, also where those are people's.
  if (source.subjects === 'people' && source.table.kind !== 'self') return people(source, conditions);
  return source.table.kind === 'spiffe'
    ? spiffe(source, conditions, reaches)
    : platform(source, conditions, reaches, source.table.kind === 'kubernetes');
}

/**
 * Identifiers, each exact in the rule or in the source's `require`, or captured whole beside an exact one and part of every target; and
 * one context field, where the kind has any. `starred`: an identifier may also be any (a cluster is one tenant).
 */
function platform(source: PinSource, conditions: readonly Condition[], reaches: Reaches, starred: boolean): Halves {
  const { table } = source;
  const required = (field: string) => source.requirements.filter(isAbout(fieldPath(table, field))).some(isExact);
  const requiredAlone = (field: string) =>
    source.requirements.filter(isAbout(fieldPath(table, field))).some((one) => isExact(one) && one.values.length === 1);
  const written = table.pins.all.map((field) => {
    const about = conditions.filter(isAbout(fieldPath(table, field)));
    const captured = about.filter(({ values }) => values.every((value) => isAny(value) && reachesAll(value, reaches)));
    const star = starred ? about.filter(({ values }) => values.every(isAny)) : [];
    return { field, exact: about.filter(isExact), captured, star };
  });
  const anchored = starred || written.some(({ field, exact }) => exact.length > 0 || required(field));
  const ids: Condition[] = [];
  const problems: string[] = [];
  for (const { field, exact, captured, star } of written) {
    const [found = []] = [exact, anchored ? captured : [], star].filter((some) => some.length > 0);
    ids.push(...found);
    if (found.length === 0 && !required(field))
      problems.push(`does not pin ${field}: it must be exact here, or in the require of ${source.name}`);
  }
  const { context, phase = [] } = table.pins;
  const contexts = [context, phase.some(({ field }) => requiredAlone(field)) ? [] : phase].flatMap((choices) => {
    const pinned = contextOf(table, choices, conditions, reaches);
    if (!pinned) problems.push(noContext(table, choices, conditions));
    return pinned ?? [];
  });
  return { ids, context: contexts, problems };
}

/** The conditions on the first of these fields that is pinned; none needed where there is none to choose from. */
function contextOf(
  table: PlatformTable,
  choices: readonly ContextField[],
  conditions: readonly Condition[],
  reaches: Reaches,
): readonly Condition[] | undefined {
  if (choices.length === 0) return [];
  // What a list must have is exact: its elements are names of their own (the contexts of a CircleCI job).
  const isPinnedIn =
    ({ form }: Condition) =>
    (value: Expected): boolean =>
      form === 'has' ? isLiteral(value) : isSegmented(value) || reachesAll(value, reaches);
  for (const { field, equals } of choices) {
    const about = conditions.filter(isAbout(fieldPath(table, field)));
    const pinned = about.filter((condition) =>
      equals === undefined ? condition.values.every(isPinnedIn(condition)) : isOnly(condition, equals),
    );
    if (pinned.length > 0) return pinned;
  }
  return undefined;
}

function noContext(table: PlatformTable, fields: readonly ContextField[], conditions: readonly Condition[]): string {
  const choices = fields.map(({ field, equals }) => (equals === undefined ? field : `${field}: ${equals}`));
  const loose = fields.find(
    ({ field, equals }) => equals === undefined && conditions.some(isAbout(fieldPath(table, field))),
  );
  const reason = loose
    ? ` (in a pin "*" is a whole segment beside exact ones, which that of ${loose.field} is not)`
    : '';
  return `does not pin its context: one of ${choices.join(', ')} must${reason}`;
}

/**
 * A whole ID of the source's trust domain; below an exact first segment `*` as the whole last segment, a last `/**`, or whole segments
 * that are captured and part of every target.
 */
function spiffe(source: PinSource, conditions: readonly Condition[], reaches: Reaches): Halves {
  const about = conditions.filter(isAbout(['sub']));
  const isPin = (value: Expected): boolean => isSpiffePin(value, reaches);
  const ids = about.filter((condition) => condition.form === 'one' && condition.values.every(isPin));
  if (ids.length === 0)
    return {
      ids,
      problems: [
        'does not pin sub: it must be a whole SPIFFE ID, or end in a whole segment "*" or in "/**" below an exact first segment',
      ],
    };
  const strays = ids.flatMap(({ values }) =>
    values.map(textOf).filter((text) => !text.startsWith(`${source.issuer}/`)),
  );
  return { ids, problems: strays.map((text) => `sub ${text} is not in the trust domain of ${source.name}`) };
}

const NEVER_PINS = ['acr', 'amr', 'name', 'nickname', 'given_name', 'family_name', 'preferred_username'];

/** The exact `sub`, or an exact value of a claim that the source lists in `pins`. */
function people(source: PinSource, conditions: readonly Condition[]): Halves {
  const subs = conditions.filter(isAbout(['sub'])).filter(isExact);
  if (subs.length > 0) return { ids: subs };
  const listed = source.pins.filter((claim) => !NEVER_PINS.includes(claim));
  const ids = conditions.filter(
    (condition) => listed.some((claim) => isAbout([claim])(condition)) && condition.values.every(isLiteral),
  );
  if (ids.length === 0) {
    const choices = ['sub', ...listed].join(', ');
    return { ids, problems: [`does not pin anybody: one of ${choices} must be exact (pins of ${source.name})`] };
  }
  const verified = [...conditions, ...source.requirements].some(
    (condition) => isAbout(['email_verified'])(condition) && condition.values.every((value) => value === true),
  );
  const byEmail = ids.every(isAbout(['email']));
  return byEmail && !verified ? { ids, problems: ['pins email without email_verified: true'] } : { ids };
}

/** Claims of plain OpenID Connect that say nothing about whose tenant a token comes from. */
const NO_TENANCY = ['acr', 'amr', 'aud', 'azp', 'email_verified', 'exp', 'iat', 'iss', 'jti', 'nbf', 'typ'];

/** What is wrong with a source on an issuer that signs for every tenant of a platform; undefined where nothing is. */
export function sharedIssuerProblem(source: Pick<PinSource, 'table' | 'issuer' | 'requirements'>): string | undefined {
  if (namesTenancy(source) || !isShared(source)) return undefined;
  const claims = source.table.shared?.tenancy ?? ['a claim that names your tenant'];
  return `${source.issuer} signs for all its customers: require must have an exact ${claims.join(' or ')}`;
}

/** Whether `require` ties the source to a tenant. */
export function namesTenancy({ table, requirements }: Pick<PinSource, 'table' | 'requirements'>): boolean {
  const tenancy = table.shared?.tenancy;
  return requirements.some(
    (condition) =>
      isExact(condition) &&
      (tenancy
        ? tenancy.some((field) => isAbout(fieldPath(table, field))(condition))
        : !NO_TENANCY.includes(condition.path[0] ?? '') &&
          condition.values.every((value) => typeof value !== 'boolean')),
  );
}

const isShared = ({ table, issuer }: Pick<PinSource, 'table' | 'issuer'>): boolean =>
  table.shared
    ? table.shared.issuers.includes(issuer)
    : table.kind === 'oidc' && SHARED_ISSUER_HOSTS.includes(hostOf(issuer));

function hostOf(issuer: string): string {
  const url = URL.parse(issuer);
  return url ? url.hostname.replace(/\.$/, '') : '';
}

const isAbout =
  (path: readonly string[]) =>
  (condition: Condition): boolean =>
    condition.path.length === path.length && condition.path.every((name, index) => name === path[index]);

const isLiteral = (value: Expected): boolean => !isPattern(value) && value !== '';
const isExact = (condition: Condition): boolean => condition.form === 'one' && condition.values.every(isLiteral);
const isOnly = (condition: Condition, text: string): boolean =>
  condition.form === 'one' && condition.values.every((value) => value === text);
/** Matches whatever is there. */
const isAny = (value: Expected): boolean => isPattern(value) && value.literals.join('') === '';
/** Every wildcard in it is a parameter that stands in every target. */
const reachesAll = (value: Expected, reaches: Reaches): boolean =>
  isPattern(value) && value.captures.every((name) => name !== undefined && reaches(name));
/** Exact, or with whole-segment wildcards beside at least one exact segment. */
const isSegmented = (value: Expected): boolean =>
  isPattern(value) ? value.whole && value.literals.some((literal) => /[^/:]/.test(literal)) : isLiteral(value);

function isSpiffePin(value: Expected, reaches: Reaches): boolean {
  if (!isPattern(value)) return typeof value === 'string' && parseSpiffeId(value) !== undefined;
  const head = parseSpiffeId(`${value.literals[0] ?? ''}x`);
  const isLast = (index: number) => value.literals.slice(index + 1).join('') === '';
  return (
    head !== undefined &&
    head.segments.length > 1 &&
    parseSpiffeId(value.literals.join('x')) !== undefined &&
    value.whole &&
    value.captures.every((name, index) => (name !== undefined && reaches(name)) || isLast(index))
  );
}

const strict = (condition: Condition): Condition =>
  condition.values.some(isPattern)
    ? Object.freeze({
        ...condition,
        values: Object.freeze(condition.values.map((value) => (isPattern(value) ? inPin(value) : value))),
      })
    : condition;
