// One piece of work on some files after the other, however many callers there are: each begins on what the one before has left,
// also where that failed.

/** Gives a function that runs work when everything given to it earlier is done, and answers as the work does. */
export function createSerially(): <Value>(work: () => Promise<Value>) => Promise<Value> {
  let last: Promise<unknown> = Promise.resolve();
  return <Value>(work: () => Promise<Value>): Promise<Value> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}
