package com.openfaas.function;

import com.openfaas.model.IResponse;
import com.openfaas.model.Request;
import java.util.HashMap;
import java.util.List;

/** Tests of html-rendering. Run with: java -ea -cp CLASSES com.openfaas.function.HandlerTest */
public final class HandlerTest {
    public static void main(String[] args) {
        boolean enabled = false;
        assert enabled = true;
        if (!enabled) {
            throw new IllegalStateException("assertions are off: run with -ea");
        }
        pagesShowEveryItemWithItsFeatures();
        namesAreEscaped();
        answersCarryTheMeasurement();
        theLargestPageFitsIntoTheHeap();
        System.out.println("ok");
    }

    private static void pagesShowEveryItemWithItsFeatures() {
        String page = Handler.render(Handler.generate(1000));
        assert count(page, "<tr class=\"item\">") == 1000;
        assert count(page, "<em>") == 2000;
        for (int i = 0; i < 1000; i++) {
            assert page.contains("<td>Item " + i + "</td>") : i;
            assert page.contains("<em>number " + i + "</em>") : i;
        }
    }

    private static void namesAreEscaped() {
        Handler.Item item = new Handler.Item("<b>", "1", List.of());
        assert Handler.render(new Handler.Catalogue(List.of(item))).contains("<td>&lt;b&gt;</td>");
    }

    private static int count(String text, String part) {
        return (text.length() - text.replace(part, "").length()) / part.length();
    }

    private static void answersCarryTheMeasurement() {
        IResponse answer = get("mutability=0");
        assert answer.getBody().equals("HtmlRendering took " + answer.getHeader("X-Server-Time-Us") + " ms");
        assert answer.getHeader("X-Input-Size").equals("55000");
    }

    /** The test has the heap of the function. */
    private static void theLargestPageFitsIntoTheHeap() {
        assert count(Handler.render(Handler.generate(100_000)), "<tr class=\"item\">") == 100_000;
    }

    private static IResponse get(String query) {
        return new Handler().Handle(new Request("", new HashMap<>(), query, "/"));
    }
}
