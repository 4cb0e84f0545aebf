package com.openfaas.function;

import com.openfaas.model.IResponse;
import com.openfaas.model.Request;
import java.util.HashMap;
import java.util.List;
import java.util.regex.Pattern;

/** Tests of word-count. Run with: java -ea -cp CLASSES com.openfaas.function.HandlerTest */
public final class HandlerTest {
    public static void main(String[] args) {
        boolean enabled = false;
        assert enabled = true;
        if (!enabled) {
            throw new IllegalStateException("assertions are off: run with -ea");
        }
        wordsAreLettersInARow();
        theTextHasThePublishedNumberOfLines();
        answersCarryTheMeasurement();
        fewLinesAreCountedIfFewAreDrawn();
        System.out.println("ok");
    }

    private static final Pattern WORD = Pattern.compile("\\p{L}+");

    private static void wordsAreLettersInARow() {
        for (String text : List.of("", "a", " two  words ", "it's, three", "\n1st line\n\nlast", "\u00e9t\u00e9 x")) {
            assert Handler.count(text.toCharArray()) == WORD.matcher(text).results().count() : text;
        }
        String all = String.join("\n", Handler.read("/resources/text.txt"));
        int words = Handler.count(all.toCharArray());
        assert words == WORD.matcher(all).results().count() && words > 30_000 : words;
    }

    private static void theTextHasThePublishedNumberOfLines() {
        List<String> lines = Handler.read("/resources/text.txt");
        assert lines.size() == 5004 : lines.size();
    }

    private static void answersCarryTheMeasurement() {
        IResponse answer = get("mutability=1");
        assert answer.getBody().equals("WordCount took " + answer.getHeader("X-Server-Time-Us") + " ms");
        assert answer.getHeader("X-Input-Size").equals("5004") : answer.getHeader("X-Input-Size");
    }

    private static void fewLinesAreCountedIfFewAreDrawn() {
        for (int i = 0; i < 20; i++) {
            String drawn = get("mutability=1e300").getHeader("X-Input-Size");
            assert drawn.equals("2500") || drawn.equals("5004") : drawn;
        }
    }

    private static IResponse get(String query) {
        return new Handler().Handle(new Request("", new HashMap<>(), query, "/"));
    }
}
