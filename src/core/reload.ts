// Reload: all or nothing. What is configured is read again and compiled; if any of it is wrong, or would need a restart, nothing
// changes and it is said so. Otherwise the new snapshot is swapped in, and the answer comes when every request that entered
// before has left: from then on nothing leaves under the old rules.

/** What a reload came to. `problems` are the lines an operator needs; empty where it took effect. */
export interface ReloadResult {
  readonly ok: boolean;
  readonly generation: number;
  readonly problems: readonly string[];
}

export interface ReloadParts<Next> {
  /** Reads and compiles everything; problems as lines of text. Does not change anything. */
  readonly prepare: () => Promise<
    { readonly ok: true; readonly next: Next } | { readonly ok: false; readonly problems: readonly string[] }
  >;
  /** Makes the prepared configuration the current one, at once, and gives its generation. Where it throws, nothing has changed. */
  readonly swap: (next: Next) => number;
  /** Resolves when every request that entered before has left. */
  readonly drained: () => Promise<void>;
  /** The generation in force. */
  readonly generation: () => number;
  /** Records what happened; a reload that cannot be recorded still counts, and its fault is reported. */
  readonly report: (result: ReloadResult, next: Next | undefined) => Promise<void>;
}

/** A reload function; calls that overlap run one after the other. */
export function createReload<Next>(parts: ReloadParts<Next>): () => Promise<ReloadResult> {
  let last: Promise<unknown> = Promise.resolve();

  const once = async (): Promise<ReloadResult> => {
    const taken = await take(parts);
    if (!taken.ok) {
      const refused = { ok: false, generation: parts.generation(), problems: taken.problems };
      await parts.report(refused, undefined);
      return refused;
    }
    await parts.drained();
    const done = { ok: true, generation: taken.generation, problems: [] };
    await parts.report(done, taken.next);
    return done;
  };

  return () => {
    const next = last.then(once, once);
    last = next.catch(() => undefined);
    return next;
  };
}

type Taken<Next> =
  | { readonly ok: true; readonly next: Next; readonly generation: number }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What throws is refused and said like any other problem: nobody waits for a reload that the file watch began. */
async function take<Next>({ prepare, swap }: ReloadParts<Next>): Promise<Taken<Next>> {
  try {
    const prepared = await prepare();
    return prepared.ok ? { ok: true, next: prepared.next, generation: swap(prepared.next) } : prepared;
  } catch (error) {
    return { ok: false, problems: [`cannot be taken: ${error instanceof Error ? error.message : 'a fault'}`] };
  }
}
