// The tightest that a rule can say of a recorded principal: what its kind's table pins, every context it has, and the table's `tight`
// fields, each with the exact value. Only of tenants that the policy pins already: what nobody let in before, no suggestion lets in.

import type { Json } from '../../core/json.ts';
import { parametersIn } from '../../parsing/template.ts';
import { type ClaimRow, fieldPath, foldAscii, type PlatformTable } from '../../platforms/table.ts';
import { hasBlock } from '../compile/schema.ts';
import type { SourceView } from '../compile/views.ts';
import { type CompiledPolicy, conditionsOf } from '../compiled.ts';
import { type Condition, isPattern } from '../evaluate.ts';
import type { KnowledgeOf } from '../walk/known.ts';

export type SubjectSource = Pick<SourceView, 'name' | 'table' | 'subjects'>;

/** One claim, exactly. */
export interface ExactField {
  readonly field: string;
  readonly path: readonly string[];
  readonly value: string | number | boolean;
}

export interface Subject {
  readonly kind: string;
  readonly hasBlock: boolean;
  readonly fields: readonly ExactField[];
}

/** What a rule must say, or why it cannot. */
export function tightSubject(
  { name, table, subjects }: SubjectSource,
  knowledge: KnowledgeOf,
  isTenantPinned: IsTenantPinned,
): Subject | string {
  if (subjects === 'people') return 'people: who may act for them is written by hand';
  if (!isTenantPinned(name, table, knowledge)) return 'no rule and no require pins its tenant';
  const fields: ExactField[] = [];
  for (const field of table.pins.all) {
    const exact = exactOf(table, field, knowledge);
    if (typeof exact === 'string') return exact;
    if (!exact) return `${field}, which pins it, is absent`;
    fields.push(exact);
  }
  const pinned = contextOf(table, knowledge);
  if (typeof pinned === 'string') return pinned;
  for (const field of table.tight ?? []) {
    const exact = exactOf(table, field, knowledge);
    if (typeof exact === 'string') return exact;
    if (exact) pinned.push(exact);
  }
  for (const exact of pinned) if (!fields.some(({ field }) => field === exact.field)) fields.push(exact);
  return { kind: table.kind, hasBlock: hasBlock(table), fields };
}

/** Every field of the context that the principal has; one of them at least, where the kind has any. */
function contextOf({ pins: { context }, ...table }: PlatformTable, knowledge: KnowledgeOf): ExactField[] | string {
  const found: ExactField[] = [];
  for (const { field, equals } of context) {
    const exact = exactOf({ ...table, pins: { all: [], context } }, field, knowledge);
    if (typeof exact === 'string') return exact;
    if (exact && (equals === undefined || exact.value === equals)) found.push(exact);
  }
  return found.length > 0 || context.length === 0 ? found : 'it has no context that a rule could pin';
}

/** Undefined where the principal has no such claim, or one that no rule can say exactly; a text where that is not known. */
function exactOf(table: PlatformTable, field: string, knowledge: KnowledgeOf): ExactField | string | undefined {
  const path = fieldPath(table, field);
  const found = knowledge(path);
  if (found.is === 'unknown' || found.is === 'cut') return `${field} is not recorded in full`;
  if (found.is !== 'known' || found.value === '') return undefined;
  const { value } = found;
  if (!isOfType(value, table.claims[field]?.type)) return undefined;
  // What a rule would read as more than the value itself.
  if (typeof value === 'string' && (value.includes('*') || parametersIn(value).length > 0))
    return `${field} has a value that a rule cannot say exactly`;
  return { field, path, value };
}

const TYPES: Readonly<Record<ClaimRow['type'], string>> = {
  text: 'string',
  number: 'number',
  boolean: 'boolean',
  // A list is never one value.
  texts: '',
};

const isOfType = (value: Json, type: ClaimRow['type'] = 'text'): value is string | number | boolean =>
  typeof value === TYPES[type];

/**
 * Ways to name a tenant, each with all of its fields. Where one issuer serves everybody and no claim names a tenant (Google), whoever is
 * pinned is a tenant of his own: by all that pins him, since an address alone can be made again.
 */
const tenancyOf = ({ shared, issuer, pins }: PlatformTable): readonly (readonly string[])[] | undefined =>
  shared?.tenancy.map((field) => [field]) ?? (issuer === undefined ? undefined : [pins.all]);

/** Whether a source's tenant is one that the policy pins. */
export type IsTenantPinned = (source: string, table: PlatformTable, knowledge: KnowledgeOf) => boolean;

/**
 * Whether `require` or an allow rule of the source names the principal's tenant exactly. A kind whose issuers serve one tenant each
 * has none but its source.
 */
export function createTenants({ sources, rules }: CompiledPolicy): IsTenantPinned {
  const pinned = new Set<string>();
  const note = (source: string, conditions: readonly Condition[]): void => {
    for (const { path, form, values } of conditions)
      for (const value of form === 'one' ? values : [])
        if (!isPattern(value) && value !== '') pinned.add(JSON.stringify([source, path, value]));
  };
  for (const { name, require } of sources) note(name, require);
  for (const rule of rules)
    if (rule.effect === 'allow') for (const match of rule.matches) note(match.source, conditionsOf(match));
  return (source, table, knowledge) => {
    const tenancy = tenancyOf(table);
    if (!tenancy) return true;
    const isPinned = (field: string): boolean => {
      const path = fieldPath(table, field);
      const found = knowledge(path);
      if (found.is !== 'known') return false;
      const { value } = found;
      const folded = table.claims[field]?.ignoreCase && typeof value === 'string' ? foldAscii(value) : value;
      return pinned.has(JSON.stringify([source, path, folded]));
    };
    return tenancy.some((fields) => fields.every(isPinned));
  };
}
