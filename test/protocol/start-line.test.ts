import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  cutResponseStatus,
  hasStandardMethod,
  isResponseHttp10,
  plausibleRequest,
  plausibleResponse,
  requestMethod,
  responseStatus,
} from '../../src/protocol/http1/start-line.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

function method(line: string): string {
  return requestMethod(bytes(line), 0, line.indexOf('\n'));
}

function status(line: string): number {
  return responseStatus(bytes(line), 0, line.indexOf('\n'));
}

describe('request lines', () => {
  test('of all registered standard methods are read', () => {
    for (const name of [
      'GET',
      'HEAD',
      'POST',
      'PUT',
      'DELETE',
      'CONNECT',
      'OPTIONS',
      'TRACE',
      'PATCH',
    ]) {
      assert.equal(method(`${name} / HTTP/1.1\r\n`), name);
      assert.equal(method(`${name}X / HTTP/1.0\n`), `${name}X`);
      assert.equal(hasStandardMethod(bytes(`${name} `), 0, name.length + 1), true);
      assert.equal(hasStandardMethod(bytes(`${name.slice(1)} `), 0, name.length), false);
    }
  });

  test('that are none are refused', () => {
    for (const line of [
      'GET /\r\n',
      'GET HTTP/1.1\r\n',
      'GET  HTTP/1.1\r\n',
      'GET / HTTP/2.0\r\n',
      'GET / HTTP/1.\r\n',
      'GET / http/1.1\r\n',
      'GET /HTTP/1.1\r\n',
      'G(T / HTTP/1.1\r\n',
      ' GET / HTTP/1.1\r\n',
      `${'A'.repeat(33)} / HTTP/1.1\r\n`,
      '\r\n',
    ]) {
      assert.equal(method(line), '', JSON.stringify(line));
    }
  });

  test('are plausible in every prefix, as a whole only when complete', () => {
    const line = 'GET /a?b=c HTTP/1.1\r\n';
    for (let length = 1; length < line.length; length++) {
      assert.equal(plausibleRequest(bytes(line), 0, length), 'prefix', line.slice(0, length));
    }
    assert.equal(plausibleRequest(bytes(`${line}Host: a`), 0, line.length + 7), 'yes');
  });

  test('are not plausible where bodies lie', () => {
    for (const body of [
      '{"a":1}',
      'a=b&c=d',
      'hello world',
      'POST it now please\r\n',
      '\x16\x03\x01',
      'GET / HTTP/1.1 x',
    ]) {
      assert.equal(plausibleRequest(bytes(body), 0, body.length), 'no', body);
    }
  });
});

describe('status lines', () => {
  test('are read with and without reason', () => {
    assert.equal(status('HTTP/1.1 200 OK\r\n'), 200);
    assert.equal(status('HTTP/1.0 404 \r\n'), 404);
    assert.equal(status('HTTP/1.1 503\r\n'), 503);
    assert.equal(status('HTTP/1.1 999\n'), 999);
  });

  test('are read as proxies read them: any version, any blanks between the words', () => {
    assert.equal(status('HTTP/2.0 200 OK\r\n'), 200);
    assert.equal(status('HTTP/1.1  200 OK\r\n'), 200);
    assert.equal(status('HTTP/1.1\t200\tOK\r\n'), 200);
    const line = 'HTTP/1.1  201 Created';
    for (let length = 1; length < 13; length++) {
      assert.equal(plausibleResponse(bytes(line), 0, length), 'prefix', line.slice(0, length));
    }
    assert.equal(plausibleResponse(bytes(line), 0, 13), 'yes');
    assert.equal(cutResponseStatus(bytes(line), 0, 13), 201);
  });

  test('of HTTP/1.0 are told from others', () => {
    assert.equal(isResponseHttp10(bytes('HTTP/1.0 200 OK\r\n'), 0), true);
    assert.equal(isResponseHttp10(bytes('HTTP/1.1 200 OK\r\n'), 0), false);
    assert.equal(isResponseHttp10(bytes('HTTP/2.0 200 OK\r\n'), 0), false);
  });

  test('that are none are refused', () => {
    for (const line of [
      'HTTP/2 200 OK\r\n',
      'HTTP/1.1200 OK\r\n',
      'HTTP/1.1 \r\n200 OK\r\n',
      'HTTP/1.1 20 OK\r\n',
      'HTTP/1.1 2000 OK\r\n',
      'HTTP/1.1 099 OK\r\n',
      'http/1.1 200 OK\r\n',
      'HTTP/1.1\r\n',
    ]) {
      assert.equal(status(line), 0, JSON.stringify(line));
    }
  });

  test('are plausible in every prefix', () => {
    const line = 'HTTP/1.1 200 OK';
    for (let length = 1; length < 12; length++) {
      assert.equal(plausibleResponse(bytes(line), 0, length), 'prefix');
    }
    assert.equal(plausibleResponse(bytes(line), 0, 12), 'yes');
    assert.equal(plausibleResponse(bytes('HTML/1.1 200'), 0, 12), 'no');
  });
});
