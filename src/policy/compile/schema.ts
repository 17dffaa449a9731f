// The shape of a policy file: strict, every unknown key is an error. A subject has one block for each platform kind
// that has claims of its own; the block's fields are the fields of the platform's table. What the values mean is judged by
// compile.ts and rule.ts.

import { z } from 'zod';
import { RULE_NAME_CHARACTERS_MAX, WHY_CHARACTERS_MAX } from '../../core/limits.ts';
import { confirmSchema } from '../../parsing/confirm.ts';
import { lastDaySeconds } from '../../parsing/day.ts';
import { durationSeconds } from '../../parsing/duration.ts';
import type { PlatformTable } from '../../platforms/table.ts';

const text = (charactersMax: number) =>
  z
    .string()
    .min(1, { error: 'is empty' })
    .max(charactersMax, { error: `must not be longer than ${charactersMax} characters` })
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, { error: 'must be one line without control characters' });

const ruleName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: 'must be letters, digits, ".", "_" and "-"' })
  .max(RULE_NAME_CHARACTERS_MAX, { error: `must not be longer than ${RULE_NAME_CHARACTERS_MAX} characters` })
  .describe('Unique over all files. It stands in records, metrics and refusals.');

const scalar = { type: ['string', 'number', 'boolean'] };
const CONDITION =
  'One value is equality, a list any-of, { has: value } membership in an array. "*" stands for the rest of one segment.';

const conditionJsonSchema = {
  description: CONDITION,
  anyOf: [
    scalar,
    { type: 'array', items: scalar, minItems: 1 },
    {
      type: 'object',
      properties: { has: { ...scalar, description: 'What the array holds.', examples: ['finance'] } },
      required: ['has'],
      additionalProperties: false,
    },
  ],
};
/** What the JSON Schema of policies refers to, by name: every field of every block is a condition. */
export const POLICY_DEFINITIONS = { condition: conditionJsonSchema };

/** One block's fields, from the kind's table. */
const block = (table: PlatformTable) =>
  z
    .strictObject(
      Object.fromEntries(
        Object.keys(table.claims).map((field) => [
          field,
          z
            .unknown()
            .optional()
            .meta({ description: 'A condition on this claim.', allOf: [{ $ref: '#/definitions/condition' }] }),
        ]),
      ),
    )
    .optional()
    .describe(`Claims of ${table.kind} tokens, by the names of their fields.`);

/** Kinds whose identity is more than `sub` have a block. */
export const hasBlock = (table: PlatformTable): boolean => table.pins.all.some((field) => field !== 'sub');

const names = (description: string) => z.array(z.string()).min(1, { error: 'is an empty list' }).describe(description);

const who = (tables: readonly PlatformTable[], description: string) =>
  z
    .strictObject({
      trust: z
        .union([z.string(), names('Names of trust sources.')])
        .optional()
        .describe('The trust source that proved the principal, or several of them.'),
      sub: z
        .union([z.string(), names('Subjects.')])
        .optional()
        .describe('The exact subject; for SPIFFE the ID, whose last segment may be "*" or "**".'),
      claims: z
        .record(z.string(), z.unknown())
        .optional()
        .describe(`Conditions on claims; nested keys mirror the claims. ${CONDITION}`),
      ...Object.fromEntries(tables.filter(hasBlock).map((table) => [table.kind, block(table)])),
    })
    .optional()
    .describe(description);

const scopes = z.union([z.literal('all'), names('Scopes of the target.')], {
  error: 'must be "all" or a list of scopes',
});

const client = z
  .union([z.string(), names('Ids of registered clients.')])
  .optional()
  .describe('The registered client that asks, or several of them; without it, none but the subject or actor itself.');

const actor = (tables: readonly PlatformTable[]) =>
  z
    .union([z.literal('client'), who(tables, 'Whom an actor token proves.')])
    .optional()
    .describe(
      'Who acts: `client` for whom client authentication proved, or whom an actor token proves. An allow rule pins it.',
    );

/** What a rule may leave to its file's `defaults`. */
const inheritable = (tables: readonly PlatformTable[]) => ({
  owner: text(RULE_NAME_CHARACTERS_MAX).optional().describe('Groups reports and metrics.'),
  why: text(WHY_CHARACTERS_MAX).optional().describe('Stands in refusals: why the rule is so, and whom to ask.'),
  mode: z
    .enum(['enforce', 'preview', 'retire'])
    .default('enforce')
    .describe(
      'preview: recorded as what it would allow or deny, and changes nothing. retire: grants only where no other rule does, and says so.',
    ),
  until: lastDaySeconds.optional().describe('The last day on which the rule counts; it ends with that day in UTC.'),
  lifetime: durationSeconds.optional().describe("The longest lifetime granted; never longer than the target's own."),
  actor: actor(tables),
  client,
  accept: z
    .record(z.string(), text(WHY_CHARACTERS_MAX))
    .optional()
    .describe('Lint rules that are accepted here, by name, each with the reason; it is recorded.'),
});

const scalarValue = z.union([z.string(), z.number(), z.boolean()]);

const rule = (tables: readonly PlatformTable[]) =>
  z.strictObject({
    name: ruleName,
    ...inheritable(tables),
    each: z
      .record(z.string(), z.string())
      .optional()
      .describe('Files of rows by the column that names them: every row is a rule of its own, `name[row]`.'),
    with: z.record(z.string(), scalarValue).optional().describe('Constants, by the parameters that they stand for.'),
    subject: who(tables, 'Whom the rule is about. An allow rule pins it.'),
    impersonate: z
      .literal(true)
      .optional()
      .describe('The client gets a token in the name of the subject, in which nobody is named who acts.'),
    confirm: confirmSchema.optional(),
    anyone: who(tables, 'In a deny: anybody who has a role in the request.'),
    allow: z
      .union([names('Targets without scopes.'), z.record(z.string(), scopes)])
      .optional()
      .describe('Targets, each with its scopes or "all"; a plain list for targets without scopes.'),
    deny: z
      .union([z.literal('all'), names('Targets.')], { error: 'must be "all" or a list of targets' })
      .optional()
      .describe('Targets that are never granted, or "all" of them.'),
  });

/** One rule, as a policy file holds it. `tables`: the platform kinds that may have blocks. */
export type WrittenRule = z.output<ReturnType<typeof rule>>;

export const ruleSchema = rule;

/** What a file says for all its rules, key by key. */
export const defaultsSchema = (tables: readonly PlatformTable[]) => {
  const { mode, ...others } = inheritable(tables);
  return z
    .strictObject({ ...others, mode: mode.removeDefault().optional().describe('As in a rule.') })
    .describe('What every rule of this file says unless it says otherwise, key by key.');
};

/** A principal that a test assumes. */
const assumed = (description: string) =>
  z
    .strictObject({
      trust: z.string().describe('A trust source.'),
      claims: z.record(z.string(), z.json()).describe('As its tokens bear them.'),
      authenticated: durationSeconds
        .optional()
        .describe('How long ago the person authenticated: stands for `auth_time`.'),
    })
    .describe(description);

/** One test, as written. */
const test = z.strictObject({
  name: text(RULE_NAME_CHARACTERS_MAX).describe('What is tested.'),
  as: assumed('A principal: the source that would prove it, and its claims.'),
  actor: assumed('Who acts by an actor token, in the same way.').optional(),
  client: z.string().optional().describe('The registered client that asks.'),
  ask: z.string().describe('The target: its name, or its address.'),
  scope: z.string().optional().describe('Scopes, with spaces between them.'),
  expect: z
    .string()
    .describe(
      'The rule that grants it (`production[shop]`), or `deny`, or `confirm` where only a confirmation is missing, or `no rule`.',
    ),
});
export type WrittenTest = z.output<typeof test>;

const tests = z.array(test).describe('Run by `check`: who gets what, and who does not.');
const rows = z
  .array(z.record(z.string(), scalarValue))
  .min(1)
  .describe('A table for `each`: the same columns in every row.');

/** A policy file. */
export const policySchema = (tables: readonly PlatformTable[]) =>
  z
    .strictObject({
      defaults: defaultsSchema(tables).optional(),
      rules: z.array(rule(tables)).optional().describe('Rules; allow rules are alternatives, a deny always wins.'),
      rows: rows.optional(),
      tests: tests.optional(),
    })
    .describe('An Exchequer policy file: rules, rows or tests.');

/** A policy file whose rules, defaults and rows have not been looked at: each is checked, and reported, apart. */
export const fileSchema = z
  .strictObject({
    defaults: z.unknown().optional(),
    rules: z.array(z.unknown()).optional(),
    rows: z.unknown().optional(),
    tests: tests.optional(),
  })
  .refine(({ rules, rows, tests }) => rules !== undefined || rows !== undefined || tests !== undefined, {
    error: 'holds none of rules, rows and tests',
  });
