import com.aliyun.dysmsapi20170525.Client;
import com.aliyun.dysmsapi20170525.models.QuerySendDetailsRequest;
import com.aliyun.dysmsapi20170525.models.SendBatchSmsRequest;
import com.aliyun.dysmsapi20170525.models.SendSmsRequest;
import com.aliyun.tea.TeaException;
import com.aliyun.teaopenapi.models.Config;
import com.aliyun.teautil.models.ExtendsParameters;
import com.aliyun.teautil.models.RuntimeOptions;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Drives Aliyun's Java SDK: takes calls in lines of JSON and tells in lines of JSON what it gave. */
public class Aliyun {
    static class Call {
        String endpoint, id, secret, to, sign, template, params, outid, biz, day, algorithm;
        @com.google.gson.annotations.SerializedName("do")
        String what;
        Map<String, String> headers;

        Told run() throws Exception {
            Config config = new Config()
                    .setAccessKeyId(id)
                    .setAccessKeySecret(secret)
                    .setEndpoint(endpoint) // host:port
                    .setProtocol("http"); // only where there is no TLS
            if (algorithm != null) {
                config.setSignatureAlgorithm(algorithm);
            }
            Client client = new Client(config);
            switch (what) {
                case "send": {
                    SendSmsRequest request = new SendSmsRequest()
                            .setPhoneNumbers(to)
                            .setSignName(sign)
                            .setTemplateCode(template)
                            .setTemplateParam(params)
                            .setOutId(outid);
                    RuntimeOptions runtime = new RuntimeOptions();
                    if (headers != null) {
                        runtime.setExtendsParameters(new ExtendsParameters().setHeaders(headers));
                    }
                    var body = client.sendSmsWithOptions(request, runtime).getBody();
                    return new Told(body.getCode(), body.getMessage(), body.getBizId());
                }
                case "batch": {
                    SendBatchSmsRequest request = new SendBatchSmsRequest()
                            .setPhoneNumberJson(to)
                            .setSignNameJson(sign)
                            .setTemplateCode(template)
                            .setTemplateParamJson(params);
                    var body = client.sendBatchSms(request).getBody();
                    return new Told(body.getCode(), body.getMessage(), body.getBizId());
                }
                default: {
                    QuerySendDetailsRequest request = new QuerySendDetailsRequest()
                            .setPhoneNumber(to)
                            .setBizId(biz)
                            .setSendDate(day)
                            .setPageSize(10L)
                            .setCurrentPage(1L);
                    var body = client.querySendDetails(request).getBody();
                    Told told = new Told(body.getCode(), body.getMessage(), null);
                    for (var d : body.getSmsSendDetailDTOs().getSmsSendDetailDTO()) {
                        told.total++;
                        told.status = d.getSendStatus();
                        told.err_code = d.getErrCode();
                        told.out_id = d.getOutId();
                        told.content = d.getContent();
                    }
                    return told;
                }
            }
        }
    }

    static class Told {
        String code, message, biz, thrown, err_code, out_id, content;
        long total, status;

        Told(String code, String message, String biz) {
            this.code = code;
            this.message = message;
            this.biz = biz;
        }
    }

    public static void main(String[] args) throws Exception {
        Gson gson = new Gson();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Told told;
            try {
                told = gson.fromJson(line, Call.class).run();
            } catch (TeaException e) {
                told = new Told(null, e.getMessage(), null);
                told.thrown = e.getCode();
            }
            out.println(gson.toJson(told));
        }
    }
}
