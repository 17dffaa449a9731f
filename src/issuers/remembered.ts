// What is remembered of what clouds gave, found again by whoever presents it: under a hash of what is presented, since the store names its keys
// to whoever looks; and read by its form, since it comes back from where others can write.

import { hash } from 'node:crypto';
import { z } from 'zod';
import type { SecretMemory } from '../core/cloud-ports.ts';

/** A `CloudSession` as it is read back. */
export const SESSION = z.strictObject({
  principal: z.string(),
  id: z.string().exactOptional(),
  audience: z.string(),
  subject: z.string(),
});

/** Things of one kind, by what is presented. */
export interface Remembered<Value> {
  keep(presented: string, value: Value, untilSeconds: number): Promise<void>;
  /** Undefined also for what another version of this program kept. Throws StoreUnavailable where nobody can know. */
  find(presented: string): Promise<Value | undefined>;
}

/** `kind` sets its keys apart from those of others. */
export function rememberedAs<Value>(kind: string, schema: z.ZodType<Value>, secrets: SecretMemory): Remembered<Value> {
  const keyOf = (presented: string): string => `${kind}:${hash('sha256', presented)}`;
  return Object.freeze({
    keep: (presented: string, value: Value, untilSeconds: number) =>
      secrets.set(keyOf(presented), JSON.stringify(value), untilSeconds),
    async find(presented: string) {
      const text = await secrets.get(keyOf(presented));
      return text === undefined ? undefined : schema.safeParse(JSON.parse(text)).data;
    },
  });
}
