package com.openfaas.function;

import com.github.mustachejava.DefaultMustacheFactory;
import com.github.mustachejava.Mustache;
import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * html-rendering: compiles and renders a Mustache template of a catalogue. The
 * template is compiled anew for each request, as in the published workload.
 */
public class Handler extends AbstractHandler {
    private static final String TEMPLATE = """
            <!DOCTYPE html>
            <html lang="en">
            <head><title>Catalogue</title></head>
            <body>
            <table>
            {{#items}}
            <tr class="item">
            <td>{{name}}</td><td>{{price}}</td>
            <td>{{#features}}<em>{{description}}</em> {{/features}}</td>
            </tr>
            {{/items}}
            </table>
            </body>
            </html>
            """;

    private final Workload<Catalogue> workload = new Workload<>(
            "html-rendering", "HtmlRendering", new Workload.Size(55_000, 5_000, 10_000, 100_000),
            Handler::generate, catalogue -> render(catalogue).length());

    /** What the template shows. */
    public record Catalogue(List<Item> items) {
    }

    public record Item(String name, String price, List<Feature> features) {
    }

    public record Feature(String description) {
    }

    @Override
    public IResponse Handle(IRequest request) {
        return workload.serve(request);
    }

    static Catalogue generate(int size) {
        List<Item> items = new ArrayList<>(size);
        for (int i = 0; i < size; i++) {
            List<Feature> features = List.of(new Feature("made by hand"), new Feature("number " + i));
            items.add(new Item("Item " + i, "EUR " + Workload.RANDOM.nextInt(1000), features));
        }
        return new Catalogue(items);
    }

    static String render(Catalogue catalogue) {
        Mustache page = new DefaultMustacheFactory().compile(new StringReader(TEMPLATE), "catalogue");
        StringWriter out = new StringWriter();
        page.execute(out, catalogue);
        return out.toString();
    }
}
