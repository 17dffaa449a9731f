// What one header field was sent with. Of two fields of a name Node keeps one, or joins them; whoever stood before us may have gone by the
// other, so what may stand once is counted here.

/** Each value as sent, in order; `name` in lower case. `rawHeaders`: as Node gives them, name and value in turn. */
export const headerValues = (rawHeaders: readonly string[], name: string): readonly string[] =>
  rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
