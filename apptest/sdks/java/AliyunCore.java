import com.aliyuncs.AcsResponse;
import com.aliyuncs.DefaultAcsClient;
import com.aliyuncs.RpcAcsRequest;
import com.aliyuncs.dysmsapi.model.v20170525.QuerySendDetailsRequest;
import com.aliyuncs.dysmsapi.model.v20170525.SendBatchSmsRequest;
import com.aliyuncs.dysmsapi.model.v20170525.SendSmsRequest;
import com.aliyuncs.exceptions.ClientException;
import com.aliyuncs.http.FormatType;
import com.aliyuncs.http.MethodType;
import com.aliyuncs.http.ProtocolType;
import com.aliyuncs.profile.DefaultProfile;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Drives Aliyun's old Java core: takes calls in lines of JSON and tells in lines of JSON what it gave. */
public class AliyunCore {
    static class Call {
        String endpoint, id, secret, to, sign, template, params, outid, biz, day, method, format;
        @com.google.gson.annotations.SerializedName("do")
        String what;

        Told run() throws ClientException {
            DefaultAcsClient client = new DefaultAcsClient(DefaultProfile.getProfile("cn-hangzhou", id, secret));
            switch (what) {
                case "send": {
                    SendSmsRequest request = new SendSmsRequest();
                    request.setPhoneNumbers(to);
                    request.setSignName(sign);
                    request.setTemplateCode(template);
                    request.setTemplateParam(params);
                    request.setOutId(outid);
                    var response = client.getAcsResponse(aimed(request));
                    return new Told(response.getCode(), response.getMessage(), response.getBizId());
                }
                case "batch": {
                    SendBatchSmsRequest request = new SendBatchSmsRequest();
                    request.setPhoneNumberJson(to);
                    request.setSignNameJson(sign);
                    request.setTemplateCode(template);
                    request.setTemplateParamJson(params);
                    var response = client.getAcsResponse(aimed(request));
                    return new Told(response.getCode(), response.getMessage(), response.getBizId());
                }
                default: {
                    QuerySendDetailsRequest request = new QuerySendDetailsRequest();
                    request.setPhoneNumber(to);
                    request.setBizId(biz);
                    request.setSendDate(day);
                    request.setPageSize(10L);
                    request.setCurrentPage(1L);
                    var response = client.getAcsResponse(aimed(request));
                    Told told = new Told(response.getCode(), response.getMessage(), null);
                    for (var d : response.getSmsSendDetailDTOs()) {
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

        <T extends AcsResponse> RpcAcsRequest<T> aimed(RpcAcsRequest<T> request) {
            request.setSysEndpoint(endpoint); // host:port
            request.setSysProtocol(ProtocolType.HTTP); // only where there is no TLS
            if (method != null) {
                request.setSysMethod(MethodType.valueOf(method));
            }
            if (format != null) {
                request.setSysAcceptFormat(FormatType.valueOf(format));
            }
            return request;
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
            } catch (ClientException e) {
                told = new Told(null, e.getErrMsg(), null);
                told.thrown = e.getErrCode();
            }
            out.println(gson.toJson(told));
        }
    }
}
