// The shape of one row of the traceability table: a requirement with the ID that test titles carry. A row is proved by tests,
// or says which later work brings them; table.test.ts refuses a row that has neither, and one that has both.

export interface Row {
  /** A family and a number: `TX-13`. */
  readonly id: string;
  /** The requirement in at most some twelve words. */
  readonly says: string;
  /** Where this broker decides otherwise, or narrower, than the requirement's own text. */
  readonly decision?: string;
  /** Why there is no test, and which later work brings it, named by capability. */
  readonly later?: string;
}
