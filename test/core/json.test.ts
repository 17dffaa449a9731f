import { describe, expect, it } from 'vitest';
import { blankObject, putAt, valueAt } from '../../src/core/json.ts';

describe('putting a value at a path', () => {
  it('makes the objects on the way, and keeps what else stands in them', () => {
    const root = blankObject();
    putAt(root, ['a', 'b', 'c'], 1);
    putAt(root, ['a', 'b', 'd'], 2);
    expect(JSON.stringify(root)).toBe('{"a":{"b":{"c":1,"d":2}}}');
  });

  it('replaces what stands in the way and is no object', () => {
    const root = Object.assign(blankObject(), { a: ['x'] });
    putAt(root, ['a', 'b'], 1);
    expect(JSON.stringify(root)).toBe('{"a":{"b":1}}');
  });

  it('changes no object that was there before', () => {
    const before = Object.freeze({ b: 1 });
    const root = Object.assign(blankObject(), { a: before });
    putAt(root, ['a', 'c'], 2);
    expect(before).toEqual({ b: 1 });
    expect(valueAt(root, ['a', 'c'])).toBe(2);
  });

  it('takes names that every object has for names like any other', () => {
    const root = blankObject();
    putAt(root, ['__proto__', 'toString'], 1);
    expect(Object.keys(root)).toEqual(['__proto__']);
    expect(valueAt(root, ['__proto__', 'toString'])).toBe(1);
    expect(valueAt(root, ['toString'])).toBeUndefined();
  });
});
