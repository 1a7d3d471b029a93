// The page that the host serves as the reference of its API.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium } from "playwright-core";

import { startHost } from "./host.mjs";

const PAGE = "/api/v1/docs/";
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

test("the reference page shows the operations and asks nobody else", async () => {
  const host = await startHost();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    const elsewhere = [];
    const errors = [];
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") && url.origin !== host.address) elsewhere.push(url.href);
    });
    page.on("pageerror", (error) => errors.push(error.message));

    await page.goto(host.address + PAGE);
    const operations = page.locator(".opblock-summary-path");
    await operations.first().waitFor();
    const paths = await operations.allInnerTexts();

    const startsRuns = paths.some((path) => path.replaceAll("\u200b", "").includes("/workflows/{id}/runs"));
    assert.ok(startsRuns, `no operation starts runs: ${paths.join(", ")}`);
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
    await host.stop();
  }
});
